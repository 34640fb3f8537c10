"""The image with our element in it, one per release of Debian."""

from __future__ import annotations

import dataclasses
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional import netns
from tests.functional.element import image
from tests.functional.element.image import Image
from tests.guide import pages, runners
from tests.packaging import installed

# Any of "bookworm trixie"; each takes a few minutes the first time.
RELEASES = os.environ.get("SRIOV_TESTS_DEBIAN", "bookworm").split()
NFT = {"bookworm": "1.0.6", "trixie": "1.1.3"}


@dataclasses.dataclass(frozen=True)
class Built:
    """An image that our element went into.

    :ivar variables: the element's, as the guide has them
    :ivar octavia: the version of the stock agent, before
    """

    image: Image
    work: Path
    variables: dict[str, str]
    octavia: str

    def build(self) -> str:
        """Run the element's steps on the image (again)."""
        names = self.variables["DIB_LOCAL_ELEMENTS"].split()
        path = Path(self.variables["DIB_LOCAL_ELEMENTS_PATH"])
        return self.image.build(self.work, names, [path], **self.variables)


@pytest.fixture(scope="package", params=RELEASES)
def built(request: pytest.FixtureRequest) -> Iterator[Built]:
    if os.geteuid() != 0 or netns.in_user_namespace():
        image.skip("needs root of the machine, for an image made by debootstrap")
    if shutil.which("debootstrap") is None:
        image.skip("debootstrap is not installed, so there is no image to put the element into")
    with tempfile.TemporaryDirectory(prefix="amphora", dir=image.roomy()) as directory:
        work = Path(directory)
        try:
            made = image.stock(request.param, work)
            found = Built(made, work, variables(work), octavia(made))
            found.build()
        except image.NoNetwork as problem:
            image.skip(f"no mirror of Debian: {problem}")
        yield found


def octavia(made: Image) -> str:
    code = "from importlib.metadata import version; print(version('octavia'))"
    return made.run("/opt/amphora-agent-venv/bin/python", "-c", code)


def variables(work: Path) -> dict[str, str]:
    """Those the guide's command hands to Octavia's script."""
    (command,) = (c for c in pages.all_commands() if runners.runner(c) is runners.Runner.ELEMENT)
    home, told = work / "home", work / "variables"
    # Both checkouts are where it is typed.
    installed.copy_sources(home / "octavia-sriov-provider")
    script = home / "octavia/diskimage-create/diskimage-create.sh"
    script.parent.mkdir(parents=True)
    script.write_text(f"#!/bin/sh\nenv >{shlex.quote(str(told))}\n")
    script.chmod(0o755)
    subprocess.run(["bash", "-euc", command.text], cwd=home, check=True)
    found = dict(line.split("=", 1) for line in told.read_text().splitlines() if "=" in line)
    return {name: value for name, value in found.items() if name.startswith("DIB_")}
