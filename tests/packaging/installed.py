"""A wheel of the checkout, and empty virtual environments it is installed in."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
from pathlib import Path

import uv

ROOT = Path(__file__).resolve().parents[2]
# All that the build needs, and nothing a developer may have lying about.
SOURCES = (
    "pyproject.toml",
    "README.rst",
    "LICENSE",
    "sriov_provider",
    "amphora_agent_ext",
    "alembic",
    "tests",
)
# So that these tests see the same versions as all others; nothing of them is run for long.
ENVIRONMENT = {
    "UV_CONSTRAINT": str(ROOT / "tests/demo/constraints.txt"),
    "UV_COMPILE_BYTECODE": "0",
    "UV_NO_PROGRESS": "1",
}


@dataclasses.dataclass(frozen=True)
class Environment:
    """A virtual environment with the wheel in it."""

    path: Path

    def run(self, command: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Runs one of the environment's commands in another directory than the checkout."""
        return subprocess.run(
            [self.path / "bin" / command, *arguments],
            cwd=cwd,
            env=clean(),
            capture_output=True,
            text=True,
            timeout=120,
        )

    def python(self, code: str, *, cwd: Path) -> str:
        """What the code printed; it has to succeed."""
        done = self.run("python", "-c", code, cwd=cwd)
        assert done.returncode == 0, done.stderr
        return done.stdout


def clean() -> dict[str, str]:
    """The environment variables, without those that would bring the checkout into view."""
    hidden = ("PYTHON", "COVERAGE", "VIRTUAL_ENV")
    return {k: v for k, v in os.environ.items() if not k.startswith(hidden)}


def build_wheel(directory: Path) -> Path:
    """Builds the wheel in an isolated environment, from a copy of the sources."""
    copy = copy_sources(directory / "source")
    _uv("build", "--wheel", "--out-dir", str(directory / "dist"), str(copy))
    (wheel,) = (directory / "dist").glob("*.whl")
    return wheel


def copy_sources(directory: Path) -> Path:
    """Makes the directory: the checkout without what was built in it."""
    directory.mkdir(parents=True)
    skip = shutil.ignore_patterns("__pycache__", "*.egg-info", "build")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, directory / name, ignore=skip)
        else:
            shutil.copy(ROOT / name, directory)
    return directory


def install(wheel: Path, extras: str, directory: Path) -> Environment:
    """An empty virtual environment with the wheel and these extras."""
    _uv("venv", str(directory))
    wanted = f"octavia-sriov-provider{extras} @ {wheel.as_uri()}"
    _uv("pip", "install", "--python", str(directory / "bin/python"), wanted)
    return Environment(directory)


def _uv(*arguments: str) -> None:
    done = subprocess.run(
        [uv.find_uv_bin(), *arguments],
        env={**clean(), **ENVIRONMENT},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
