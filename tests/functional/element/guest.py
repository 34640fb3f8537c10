"""An image that runs: no kernel of its own, but its own processes, network and unit files."""

from __future__ import annotations

import dataclasses
import shlex
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.functional import netns
from tests.functional.element.image import Image

GUEST = Path(__file__).with_name("guest.sh")
AMPHORA = "amphora-haproxy"
# As systemd sets it for a service of the system.
ENVIRONMENT = ("LANG=C.UTF-8", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin")
SYSTEM = Path("usr/lib/systemd/system")


@dataclasses.dataclass(frozen=True)
class Machine:
    """:ivar space: the main network namespace
    :ivar pid: of its first process, as seen from outside
    """

    image: Image
    space: netns.Namespace
    pid: int

    def run(self, *command: str) -> str:
        """Run a command that must succeed."""
        return netns.run(*self.inside(command))

    def inside(self, command: Sequence[str]) -> list[str]:
        """The command that runs ``command`` in the machine."""
        enter = ("nsenter", f"--target={self.pid}", "--mount", "--net", "--pid", "--root", "--wd")
        return [*enter, "env", "-i", *ENVIRONMENT, *command]

    def nft(self, *words: str) -> str:
        """Run the image's nft in the namespace that carries user traffic."""
        return self.run("ip", "netns", "exec", AMPHORA, "nft", *words)

    def start(self, unit: str) -> None:
        """Do what a oneshot unit does, as systemd would: drop-ins count."""
        for command in commands(self.image.root, unit):
            self.run(*command)


def commands(root: Path, unit: str) -> list[list[str]]:
    """The commands of a unit and its drop-ins, in order."""
    return [shlex.split(line) for line in _lines(root, unit, "ExecStart")]


def setting(root: Path, unit: str, key: str) -> list[str]:
    """The words of a setting of a unit and its drop-ins."""
    return [word for line in _lines(root, unit, key) for word in line.split()]


def _lines(root: Path, unit: str, key: str) -> list[str]:
    """As systemd reads them: an empty value forgets those before."""
    files = [root / SYSTEM / unit, *sorted((root / SYSTEM / f"{unit}.d").glob("*.conf"))]
    found: list[str] = []
    for line in (line for file in files for line in file.read_text().splitlines()):
        name, _, value = line.partition("=")
        if name == key:
            found = [*found, value] if value else []
    return found


@contextmanager
def booted(image: Image) -> Iterator[Machine]:
    """A machine of the image, with an empty /run and no interface but the loopback; gone after."""
    with netns.namespace("image") as space:
        alone = ("unshare", "--mount", "--pid", "--fork", "--kill-child")
        init = ("sh", str(GUEST), str(image.root), "sleep", "infinity")
        process = subprocess.Popen(["ip", "netns", "exec", space.name, *alone, *init])
        try:
            yield Machine(image, space, _first(process))
        finally:
            process.kill()
            process.wait(30)


def _first(process: subprocess.Popen[bytes]) -> int:
    """The first process of the machine, as seen from outside, once the machine is made."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    deadline = time.monotonic() + 30
    while True:
        assert process.poll() is None and time.monotonic() < deadline, "the machine did not start"
        first = next(iter(children.read_text().split()), "")
        if first and Path(f"/proc/{first}/comm").read_text() == "sleep\n":
            return int(first)
        time.sleep(0.02)
