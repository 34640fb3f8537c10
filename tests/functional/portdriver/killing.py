"""Ends the process in the middle of its work, as SIGKILL does: before or after any change it makes.

Only the standard library and the port driver: it runs where there is nothing else.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from sriov_provider.portdriver.machine import Machine

# What changes the machine; whatever else these objects do only reads.
_CHANGES = {
    "links": ("change", "move", "add_pair", "add_bridge", "delete"),
    "card": ("change", "create", "rebind"),
    "fence": ("guard", "shut", "open"),
    "claims": ("write", "remove"),
}


@dataclasses.dataclass
class Steps:
    """Counts changes, and dies at one.

    :ivar fatal: number of the change; None: none
    :ivar after: whether the change is made first
    """

    fatal: int | None = None
    after: bool = False
    names: list[str] = dataclasses.field(default_factory=list)

    def step(self, name: str, work: Callable[[], Any]) -> Any:
        self.names.append(name)
        here = len(self.names) - 1 == self.fatal
        if here and not self.after:
            os.kill(os.getpid(), signal.SIGKILL)
        done = work()
        if here:
            os.kill(os.getpid(), signal.SIGKILL)
        return done


class _Counted:
    """An object whose changing methods are steps."""

    def __init__(self, wrapped: Any, part: str, steps: Steps) -> None:
        self._wrapped = wrapped
        self._part = part
        self._steps = steps

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._wrapped, name)
        if name not in _CHANGES[self._part]:
            return found
        return lambda *given, **named: self._steps.step(
            f"{self._part}.{name}", lambda: found(*given, **named)
        )


def counted(machine: Machine, steps: Steps) -> Machine:
    """The same machine; what is changed on it is counted."""
    parts = {part: _Counted(getattr(machine, part), part, steps) for part in _CHANGES}
    return dataclasses.replace(machine, **parts)  # type: ignore[arg-type]


@contextlib.contextmanager
def synced(steps: Steps) -> Iterator[None]:
    """Count what a claim does on disk, too."""
    real = os.fsync

    def fsync(handle: int) -> None:
        steps.step("disk.fsync", lambda: real(handle))

    os.fsync = fsync  # type: ignore[assignment]
    try:
        yield
    finally:
        os.fsync = real


def in_child(work: Callable[[], object]) -> bool:
    """Run it in a child process.

    :returns: True when it came to its end, False when it was killed
    :raises AssertionError: when it failed
    """
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return False
    assert os.WEXITSTATUS(status) == 0, "the child failed; its traceback is above"
    return True
