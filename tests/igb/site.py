"""The guest's Python packages that its distribution does not have."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.igb import recipe
from tests.igb.commands import run
from tests.igb.settings import ROOT, Unavailable

# The code under test is not in the image: /mnt is what a run brings along.
_SCRIPT = """\
#!/usr/bin/python3
import sys
sys.path.insert(0, "/mnt")
from {module} import {function}
sys.exit({function}())
"""


def fill(inside: Path, log: Path) -> None:
    """Install them into the guest's tree and compile them, for it is slow at that.

    :raises Unavailable: packages cannot be had
    """
    (python,) = (inside / "usr/lib").glob("python3.*")
    packages = inside / "usr/local/lib" / python.name / "dist-packages"
    packages.mkdir(parents=True, exist_ok=True)
    _install(packages, python.name.removeprefix("python"), log)
    _scripts(inside / "usr/local/bin")
    within = f"/{packages.relative_to(inside)}"
    run(log, "chroot", str(inside), "python3", "-m", "compileall", "-qq", "-j2", within)


def _install(packages: Path, release: str, log: Path) -> None:
    """Everything the project depends on, but not the project."""
    command = ("pip", "install", "--target", str(packages), "--python-version", release)
    platform = ("--python-platform", "x86_64-unknown-linux-gnu", "-c", str(recipe.CONSTRAINTS))
    wanted = ["-r", str(ROOT / "pyproject.toml")]
    for extra in recipe.EXTRAS:
        wanted += ["--extra", extra]
    try:
        run(log, _uv(), *command, *platform, *wanted)
    except subprocess.CalledProcessError as problem:
        raise Unavailable(f"Python packages for the guest cannot be had ({log})") from problem
    shutil.rmtree(packages / "bin", ignore_errors=True)


def _uv() -> str:
    import uv

    return uv.find_uv_bin()


def _scripts(place: Path) -> None:
    for script in recipe.scripts():
        text = _SCRIPT.format(module=script.module, function=script.attr)
        (place / script.name).write_text(text)
        (place / script.name).chmod(0o755)
