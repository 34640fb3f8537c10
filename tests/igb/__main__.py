"""``python -m tests.igb [NAME...]``: checks on SR-IOV VFs, in a guest with two emulated cards.

NAME: only checks whose names hold one of these. ``SRIOV_IGB_*`` (settings.py) say the rest.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.igb import brought, qemu, rendered, report, trees
from tests.igb.guest.checks import names
from tests.igb.initrd import ALIVE
from tests.igb.settings import RULE, Settings, Unavailable, from_environment

LEFT_OUT = """\
{rule}
! LEFT OUT: the checks on emulated SR-IOV cards: {why}.
{rule}"""
# A kernel that is emulated on a busy machine now and then stops on its way; a minute is plenty.
BOOT = 90.0
BOOTS = 3
STOPPED = f"The guest's kernel did not get to its first process within {BOOT:.0f} s."
NOT_ROOT = "root is needed to make the guest's image"


def interrupt(*_: object) -> None:
    """SIGTERM ends the run as Ctrl-C does."""
    raise KeyboardInterrupt


def guest(settings: Settings, words: list[str], run: qemu.Run) -> tuple[list[report.Result], bool]:
    """What its checks came to; one whose kernel stops before any of them is started again."""
    for _ in range(BOOTS):
        with qemu.started(words, run) as process:
            if booted(process, run):
                return watch(settings, process, run)
        print(STOPPED, flush=True)
    return [], False


def booted(process: subprocess.Popen[bytes], run: qemu.Run, seconds: float = BOOT) -> bool:
    """Whether it got to its first process in time."""
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        if any(ALIVE in line for line in _lines(run.console)):
            return True
        time.sleep(0.2)
    return False


def watch(
    settings: Settings, process: subprocess.Popen[bytes], run: qemu.Run
) -> tuple[list[report.Result], bool]:
    """A guest to its end; results are printed as they come."""
    seen: list[report.Result] = []
    deadline = time.monotonic() + settings.limit
    alive = True
    while alive:
        time.sleep(0.2)
        alive = process.poll() is None
        found, ended = report.results(_lines(run.results))
        for result in found[len(seen) :]:
            print(report.told(result), flush=True)
        seen = found
        if ended or time.monotonic() > deadline:
            break
    if time.monotonic() > deadline:
        print(f"The guest was ended after {settings.limit:.0f} s.")
    return report.results(_lines(run.results))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return []


def check(settings: Settings, wanted: list[str]) -> int:
    """Image, guest, summary; the exit code."""
    begun = time.monotonic()
    image, made = trees.image(settings)
    took = time.monotonic() - begun
    print(f"Image {'made' if made else 'kept'}: {image.root} ({took:.0f} s)", flush=True)
    directory = Path(tempfile.mkdtemp(prefix="run-", dir=settings.cache))
    try:
        accel, why = qemu.accelerator(image, directory, settings.accel)
        print(f"Guest runs on {accel}" + (f" ({why})" if why else ""), flush=True)
        plan = {"checks": wanted, "cycles": settings.cycles}
        disk = brought.disk(directory, rendered.everything(), plan)
        run = qemu.Run(directory, disk)
        found, ended = guest(settings, qemu.command(image, run, accel), run)
        log = shutil.copy(run.console, settings.cache / "console.log")
        text, code = report.summary(found, ended, wanted)
        if not ended:
            print("\n".join(["End of its console:", *_lines(run.console)[-40:]]))
        print(f"{text}\nin {time.monotonic() - begun:.0f} s; the guest's console: {log}")
        return code
    finally:
        shutil.rmtree(directory)


def main(arguments: list[str]) -> int:
    """The exit code: 0 only when every check passed, or without root."""
    settings = from_environment()
    if os.geteuid() != 0:
        print(LEFT_OUT.format(rule=RULE, why=NOT_ROOT), flush=True)
        return 0
    wanted = [
        n for n in names(settings.local) if not arguments or any(part in n for part in arguments)
    ]
    signal.signal(signal.SIGTERM, interrupt)
    try:
        with trees.locked(settings):
            return check(settings, wanted)
    except Unavailable as problem:
        print(LEFT_OUT.format(rule=RULE, why=problem), flush=True)
        return 0 if settings.optional else 1
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
