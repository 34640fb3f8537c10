"""The machine around the guest: its command line, its start, and its end in any case."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.igb.initrd import ALIVE
from tests.igb.trees import Image

CARDS = 2
# What is started like this ends with the process that started it, however that one ends.
GUARD = ("setpriv", "--pdeathsig", "KILL")
_PROBE = 15.0
_ACCEL = {"kvm": ("kvm", "host"), "tcg": ("tcg,thread=multi,tb-size=512", "max")}
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# Its timer looks dead to a kernel whose machine is busy; then it does not boot.
_KERNEL = "console=ttyS0 panic=-1 quiet net.ifnames=0 mitigations=off no_timer_check"


@dataclass(frozen=True)
class Run:
    """One life of a guest.

    :ivar directory: gone after it
    :ivar brought: the disk with what the guest runs
    """

    directory: Path
    brought: Path | None

    @property
    def console(self) -> Path:
        return self.directory / "console"

    @property
    def results(self) -> Path:
        return self.directory / "results"


def command(image: Image, run: Run, accel: str, options: str = "") -> list[str]:
    """The command line.

    QEMU comes with its own libraries, found by its own loader: the machine's are not used.

    :param options: more for the kernel
    """
    outside = image.outside
    libraries = f"{outside}/usr/lib/x86_64-linux-gnu:{outside}/usr/lib"
    how, processor = _ACCEL[accel]
    drives = [f"file={image.disk},snapshot=on"] if run.brought else []
    drives += [f"file={run.brought},snapshot=off"] if run.brought else []
    words = [
        *GUARD,
        *(f"{outside}/usr/lib64/ld-linux-x86-64.so.2", "--library-path", libraries),
        f"{outside}/usr/bin/qemu-system-x86_64",
        *("-L", f"{outside}/usr/share/qemu", "-L", f"{outside}/usr/share/seabios"),
        *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
        *("-machine", "q35", "-accel", how, "-cpu", processor, "-smp", "2", "-m", "1024"),
        *("-kernel", str(image.kernel), "-initrd", str(image.initrd)),
        *("-append", f"{_KERNEL} {options}"),
        *("-serial", f"file:{run.console}", "-serial", f"file:{run.results}"),
        *("-device", "virtio-rng-pci"),
    ]
    for drive in drives:
        words += ["-drive", f"{drive},format=raw,if=virtio,cache=unsafe"]
    return words + _cards()


def _cards() -> list[str]:
    """Two cards at one cable."""
    words = []
    for n in range(CARDS):
        words += ["-netdev", f"hubport,id=cable{n},hubid=0"]
        words += ["-device", f"pcie-root-port,id=port{n},chassis={n + 1},slot={n + 1}"]
        words += ["-device", f"igb,bus=port{n},netdev=cable{n},mac=52:54:00:1b:00:0{n}"]
    return words


@contextmanager
def started(words: Sequence[str], run: Run) -> Iterator[subprocess.Popen[bytes]]:
    """A guest that is not there afterwards."""
    env = dict(os.environ, TMPDIR=str(run.directory))
    with (run.directory / "qemu.log").open("wb") as log:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def accelerator(image: Image, directory: Path, wanted: str) -> tuple[str, str]:
    """``kvm`` where a guest gets to its first process with it, else ``tcg``; and why.

    What came out is kept until the machine is booted again.
    """
    if wanted:
        return wanted, "as the environment says"
    try:
        Path("/dev/kvm").open("r+b").close()
    except OSError as problem:
        return "tcg", f"no KVM: {problem}"
    kept = directory.parent / f"kvm-{_BOOT_ID.read_text().strip()}"
    if not kept.exists():
        for old in directory.parent.glob("kvm-*"):
            old.unlink()
        kept.write_text("kvm" if _boots(image, Run(directory, None)) else "tcg")
    found = kept.read_text()
    return found, "" if found == "kvm" else "KVM is there, but no guest boots with it"


def _boots(image: Image, run: Run) -> bool:
    run.console.touch()
    deadline = time.monotonic() + _PROBE
    with started(command(image, run, "kvm", "igb.probe"), run) as process:
        while process.poll() is None and time.monotonic() < deadline:
            if "KVM internal error" in (run.directory / "qemu.log").read_text(errors="replace"):
                break
            time.sleep(0.1)
    return ALIVE in run.console.read_text(errors="replace")
