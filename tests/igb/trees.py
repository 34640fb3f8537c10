"""Makes what is kept: QEMU, a kernel, the first file system and the disk of the guest."""

from __future__ import annotations

import fcntl
import lzma
import platform
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.demo import debian
from tests.igb import initrd, recipe, site
from tests.igb.commands import run
from tests.igb.settings import Settings, Unavailable

_APT = ('APT::Install-Recommends "false"', 'Acquire::Languages "none"', 'Acquire::Retries "3"')
_LEAVE_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*")


@dataclass(frozen=True)
class Image:
    """What a guest is started from; nothing of it is changed by one."""

    root: Path

    @property
    def outside(self) -> Path:
        return self.root / "outside"

    @property
    def kernel(self) -> Path:
        return self.root / "vmlinuz"

    @property
    def initrd(self) -> Path:
        return self.root / "initrd"

    @property
    def disk(self) -> Path:
        return self.root / "disk"


@contextmanager
def locked(settings: Settings) -> Iterator[None]:
    """One run at a time; what killed ones left is taken away."""
    settings.cache.mkdir(parents=True, exist_ok=True)
    with (settings.cache / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit(f"another run uses {settings.cache}") from None
        for left in (*settings.cache.glob("part-*"), *settings.cache.glob("run-*")):
            shutil.rmtree(left)
        yield


def image(settings: Settings) -> tuple[Image, bool]:
    """The kept image, made when there is none; True when it was made.

    :raises Unavailable: it cannot be made here
    """
    kept = settings.cache / f"image-{recipe.key()}"
    if kept.exists():
        return Image(kept), False
    if platform.machine() != "x86_64":
        raise Unavailable(f"the guest is made for x86_64 machines, this is {platform.machine()}")
    part = settings.cache / f"part-{kept.name}"
    part.mkdir()
    try:
        _make(Image(part), settings.cache / "build.log")
        part.replace(kept)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    for old in settings.cache.glob("image-*"):
        if old != kept:
            shutil.rmtree(old)
    return Image(kept), True


def _make(made: Image, log: Path) -> None:
    log.write_text("")
    _tools(log)
    mirror = _mirror()
    inside = made.root / "inside"
    _bootstrap(made.outside, "extract", recipe.OUTSIDE, mirror, log)
    _bootstrap(inside, "minbase", recipe.GUEST, mirror, log)
    _kernel(made, inside, log)
    site.fill(inside, log)
    options = ("-q", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-d")
    run(log, "mke2fs", *options, str(inside), str(made.disk), "3G")
    shutil.rmtree(inside)


def _tools(log: Path) -> None:
    missing = debian.missing(recipe.TOOLS) if shutil.which("dpkg-query") else []
    try:
        if missing:
            debian.install(missing, log)
    except SystemExit as problem:
        raise Unavailable(f"{' '.join(missing)} cannot be installed: {problem}") from problem
    if shutil.which("mmdebstrap") is None:
        raise Unavailable("there is no mmdebstrap, and this is no Debian to install it")


def _mirror() -> str:
    """The one this machine uses, if it is one of Debian."""
    wanted = ("Created-By: Packages", "Origin: Debian", "Component: main")
    told = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", *wanted],
        capture_output=True,
        text=True,
        check=False,
    )
    uses = [uri for uri in told.stdout.split() if uri.startswith("http") and "security" not in uri]
    return uses[0] if uses else recipe.MIRROR


def _bootstrap(root: Path, variant: str, packages: tuple[str, ...], mirror: str, log: Path) -> None:
    options = [f"--aptopt={option}" for option in _APT]
    options += [f"--dpkgopt=path-exclude={path}" for path in _LEAVE_OUT]
    options += ["--dpkgopt=force-unsafe-io", "--mode=root", f"--variant={variant}"]
    include = f"--include={','.join(packages)}"
    try:
        run(log, "mmdebstrap", *options, include, recipe.SUITE, str(root), mirror)
    except subprocess.CalledProcessError as problem:
        raise Unavailable(f"packages of {mirror} cannot be had ({log})") from problem


def _kernel(made: Image, inside: Path, log: Path) -> None:
    """The kernel and the modules, uncompressed: the guest is slow and the disk is not."""
    (source,) = (made.outside / "usr/lib/modules").iterdir()
    target = inside / "usr/lib/modules" / source.name
    for pattern in recipe.MODULES:
        for packed in (source / "kernel").glob(pattern):
            if packed.name.endswith(".ko.xz"):
                module = (target / packed.relative_to(source)).with_suffix("")
                module.parent.mkdir(parents=True, exist_ok=True)
                module.write_bytes(lzma.decompress(packed.read_bytes()))
    for index in source.glob("modules.*"):
        shutil.copy(index, target)
    run(log, "chroot", str(inside), "depmod", source.name)
    order = initrd.load_order(recipe.FIRST, target / "modules.dep")
    modules = [(Path(path).name, (target / path).read_bytes()) for path in order]
    busybox = (made.outside / "usr/bin/busybox").read_bytes()
    made.initrd.write_bytes(initrd.archive(busybox, modules))
    shutil.copy(made.outside / "boot" / f"vmlinuz-{source.name}", made.kernel)
    shutil.rmtree(source.parent)
    shutil.rmtree(made.outside / "boot")
