"""``python -m tests.igb [NAME...]``: checks on SR-IOV VFs, in guests with two emulated cards.

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
from collections.abc import Generator, Iterable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from tests.igb import brought, qemu, rendered, report, trees
from tests.igb.guest.checks import CHECKS, guests
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
NOT_ROOT = "root is needed to make the guests' image"
ENDED = object()

Guest = Generator[None, None, None]


def interrupt(*_: object) -> None:
    """SIGTERM ends the run as Ctrl-C does."""
    raise KeyboardInterrupt


class Told:
    """What a guest came to.

    :ivar results: of its checks so far
    :ivar ended: it got to its last line
    """

    def __init__(self) -> None:
        self.results: list[report.Result] = []
        self.ended = False


def guest(settings: Settings, words: list[str], run: qemu.Run, told: Told) -> Guest:
    """Goes on with each step; one whose kernel stops before any check is started again."""
    for _ in range(BOOTS):
        with qemu.started(words, run) as process:
            if (yield from booted(process, run)):
                yield from watch(settings, process, run, told)
                return
        print(STOPPED, flush=True)


def booted(
    process: subprocess.Popen[bytes], run: qemu.Run, seconds: float = BOOT
) -> Generator[None, None, bool]:
    """Whether it got to its first process in time."""
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        if any(ALIVE in line for line in _lines(run.console)):
            return True
        yield
    return False


def watch(settings: Settings, process: subprocess.Popen[bytes], run: qemu.Run, told: Told) -> Guest:
    """To its end; results are printed as they come."""
    deadline = time.monotonic() + settings.limit
    alive = True
    while alive and not told.ended and time.monotonic() < deadline:
        yield
        alive = process.poll() is None
        found, told.ended = report.results(_lines(run.results))
        for result in found[len(told.results) :]:
            print(report.told(result), flush=True)
        told.results = found
    if alive and not told.ended:
        print(f"The guest was ended after {settings.limit:.0f} s.")


def together(each: Iterable[Guest], interval: float = 0.2) -> None:
    """All of them, side by side, to their ends."""
    with ExitStack() as stack:
        running = [stack.enter_context(closing(one)) for one in each]
        while running:
            running = [one for one in running if next(one, ENDED) is not ENDED]
            time.sleep(interval)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return []


def check(settings: Settings, wanted: list[str]) -> int:
    """Image, guests, summary; the exit code."""
    begun = time.monotonic()
    image, made = trees.image(settings)
    took = time.monotonic() - begun
    print(f"Image {'made' if made else 'kept'}: {image.root} ({took:.0f} s)", flush=True)
    directory = Path(tempfile.mkdtemp(prefix="run-", dir=settings.cache))
    try:
        accel, why = qemu.accelerator(image, directory, settings.accel)
        print(f"Guests run on {accel}" + (f" ({why})" if why else ""), flush=True)
        parts = guests(wanted)
        runs = [_brought(settings, directory / name, names) for name, names in parts.items()]
        told = [Told() for _ in runs]
        together(
            guest(settings, qemu.command(image, run, accel), run, one)
            for run, one in zip(runs, told, strict=True)
        )
        for run, one in zip(runs, told, strict=True):
            shutil.copy(run.console, settings.cache / f"{run.directory.name}.log")
            if not one.ended:
                print("\n".join(["End of its console:", *_lines(run.console)[-40:]]))
        results = [result for one in told for result in one.results]
        text, code = report.summary(results, all(one.ended for one in told), wanted)
        took = time.monotonic() - begun
        print(f"{text}\nin {took:.0f} s; the guests' consoles: {settings.cache}/*.log")
        return code
    finally:
        shutil.rmtree(directory)


def _brought(settings: Settings, directory: Path, wanted: Sequence[str]) -> qemu.Run:
    directory.mkdir()
    plan = {"checks": wanted, "cycles": settings.cycles}
    return qemu.Run(directory, brought.disk(directory, rendered.everything(), plan))


def main(arguments: list[str]) -> int:
    """The exit code: 0 only when every check passed, or without root."""
    settings = from_environment()
    if os.geteuid() != 0:
        print(LEFT_OUT.format(rule=RULE, why=NOT_ROOT), flush=True)
        return 0
    wanted = [c.name for c in CHECKS if not arguments or any(part in c.name for part in arguments)]
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
