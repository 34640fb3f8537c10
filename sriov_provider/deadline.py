"""How long a caller may wait for the cloud in all, over any number of requests."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator


class Deadline(threading.local):
    """The time the calling thread has left; as long as none is set, it may wait."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """:param clock: seconds"""
        self._clock = clock
        self._until: float | None = None

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """All requests of the block together may take this long."""
        before, self._until = self._until, self._clock() + seconds
        try:
            yield
        finally:
            self._until = before

    def left(self) -> float | None:
        """Seconds, below zero once the time is over; None without a limit."""
        return None if self._until is None else self._until - self._clock()
