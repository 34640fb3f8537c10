"""A Debian with the stock agent in it, as Octavia's own element installs it; kept between runs."""

from __future__ import annotations

import dataclasses
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import pytest
import uv

from tests.packaging import installed

HERE = Path(__file__).resolve().parent
ELEMENTS = HERE / "elements"
CONSTRAINTS = installed.ROOT / "tests/demo/constraints.txt"
# Of what the stock element's long list installs, as much as its agent needs to be installed and
# to start. Not nftables: that is for our element to bring.
PACKAGES = (
    *("systemd", "iproute2", "procps", "kmod", "ca-certificates"),
    *("python3", "python3-venv", "git", "rsync"),
)
# Another one makes kept images anew.
EDITION = "1"
AUTHORITIES = "etc/ssl/certs/ca-certificates.crt"


class NoNetwork(Exception):
    """No mirror of the distribution is within reach."""


@dataclasses.dataclass(frozen=True)
class Image:
    """:ivar release: of Debian
    :ivar root: directory that is the root of the image
    """

    release: str
    root: Path

    def build(self, work: Path, elements: Sequence[str], path: Sequence[Path], **env: str) -> str:
        """Take the image through the phases of a build; what that printed.

        :raises NoNetwork: packages cannot be fetched
        """
        build = Path(tempfile.mkdtemp(prefix="build", dir=work))
        shutil.copy(f"/{AUTHORITIES}", self.root / AUTHORITIES)
        variables = {
            **installed.clean(),
            "ELEMENTS_PATH": ":".join(map(str, [*path, ELEMENTS])),
            "IMAGE_ROOT": str(self.root),
            "DIB_RELEASE": self.release,
            "PIP_NO_CACHE_DIR": "1",
            **env,
        }
        isolated = ("unshare", "--mount", "--propagation", "private")
        phases = (str(HERE / "phases.sh"), sys.executable, str(build))
        try:
            return run(*isolated, *phases, "debootstrapped", *elements, env=variables)
        except AssertionError as problem:
            if "E: Failed to fetch" in str(problem):
                raise NoNetwork("its packages cannot be fetched") from problem
            raise

    def run(self, *command: str) -> str:
        """Run a command in the image, as in a machine that does not run: no /proc, no /sys."""
        return run("chroot", str(self.root), *command)


def stock(release: str, work: Path) -> Image:
    """An image of that release in ``work``, with the stock agent and without ours.

    :raises NoNetwork: the image is not in the cache and cannot be made
    """
    root = work / "root"
    root.mkdir()
    cached = _cached(release)
    cached.parent.mkdir(parents=True, exist_ok=True)
    with (cached.parent / f"{release}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one process makes it, whoever else wants it waits
        if not cached.exists():
            _make(release, cached)
    run("tar", "-C", str(root), "-xpf", str(cached))
    return Image(release, root)


def roomy() -> str:
    """Where an image may be for a while: half a gigabyte, in memory if there is much of it."""
    memory = Path("/dev/shm")
    return str(memory) if shutil.disk_usage(memory).free > 4 << 30 else "/var/tmp"


def _cached(release: str) -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    parts = (EDITION, " ".join(PACKAGES), version("octavia"), CONSTRAINTS.read_text())
    key = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
    return cache / "octavia-sriov-provider" / f"amphora-{release}-{key}.tar.gz"


def _make(release: str, cached: Path) -> None:
    for old in cached.parent.glob(f"amphora-{release}-*"):
        old.unlink()
    with tempfile.TemporaryDirectory(prefix="amphora", dir=roomy()) as directory:
        work = Path(directory)
        _debootstrap(release, work / "root")
        _install_agent(Image(release, work / "root"), work)
        made = work / "made.tar.gz"
        run("tar", "-C", str(work / "root"), "-I", "gzip -1", "-cf", str(made), ".")
        part = cached.with_suffix(".part")
        shutil.copy(made, part)
        part.replace(cached)


def _debootstrap(release: str, root: Path) -> None:
    packages = f"--include={','.join(PACKAGES)}"
    command = ("debootstrap", "--variant=minbase", packages, release, str(root))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    told = done.stdout + done.stderr
    if done.returncode and ("Failed getting release file" in told or "Couldn't download" in told):
        raise NoNetwork(told.strip().splitlines()[-1])
    assert done.returncode == 0, told


def _install_agent(image: Image, work: Path) -> None:
    """What an amphora image has of Octavia: its element's own steps, on its own sources."""
    sources = octavia_sources(work)
    opt = image.root / "opt"
    shutil.copytree(sources, opt / "amphora-agent")
    # The script asks for the commit, and pbr takes the files that git knows.
    git = ("git", "-C", str(opt / "amphora-agent"), "-c", "user.name=test", "-c", "user.email=test")
    run(*git, "init", "-q")
    run(*git, "add", "-A")
    run(*git, "commit", "-q", "-m", "release")
    lines = CONSTRAINTS.read_text().replace("==", "===").splitlines()
    kept = [line for line in lines if not line.startswith("octavia===")]
    (opt / "upper-constraints.txt").write_text("\n".join(kept) + "\n")
    elements = work / "elements"
    shutil.copytree(sources / "elements/amphora-agent", elements / "amphora-agent")
    (elements / "amphora-agent/package-installs.yaml").unlink()
    (elements / "amphora-agent/source-repository-amphora-agent").unlink()
    image.build(work, ["amphora-agent"], [elements])


def octavia_sources(work: Path) -> Path:
    """The source distribution of the installed Octavia."""
    wanted = ("octavia==" + version("octavia"), "--no-deps", "--no-binary=octavia")
    # uv cannot download, and an environment that it made has no pip.
    pip = (uv.find_uv_bin(), "tool", "run", "--from", "pip", "pip")
    run(*pip, "download", "-q", *wanted, "-d", str(work / "sdist"))
    (archive,) = (work / "sdist").glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        opened.extractall(work / "sdist", filter="data")
    return archive.with_name(archive.name.removesuffix(".tar.gz"))


def run(*command: str, env: dict[str, str] | None = None) -> str:
    """Run a command that must succeed and return what it printed, errors among it."""
    done = subprocess.run(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout[-6000:]}"
    return done.stdout


def skip(why: object) -> None:
    """Leave the tests out, for everybody to see."""
    pytest.skip(f"LEFT OUT: {why}")
