"""Time that passes only when somebody sleeps, and tasks that run where they are submitted."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

import futurist


class Clock:
    """Stands in for the ``time`` module."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Inline(Executor):
    """Runs each task at once, in order, so that the n-th call of a run is always the same one.

    A :class:`~tests.fakes.errors.Killed` goes straight through, as the end of a process does.
    """

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        future: Any = futurist.Future()
        future.set_result(fn(*args, **kwargs))
        return future
