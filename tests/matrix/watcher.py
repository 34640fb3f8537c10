"""Hears at which points the workers are, and lets something happen at one of them."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

Strike = Callable[[int], None]


@dataclasses.dataclass(frozen=True)
class Seen:
    """A worker passed a point.

    :ivar name: the point's, with a number when the operation has several of the kind
    :ivar at: monotonic seconds
    """

    pid: int
    name: str
    job: str
    attempt: int
    at: float


def numbered(point: str, count: int) -> str:
    """The name of the n-th point of a kind."""
    return point if count == 1 else f"{point} {count}"


class Watcher:
    """:ivar seen: all points since it was armed"""

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(path))
        self._socket.listen(64)
        self._lock = threading.Lock()
        self.arm()
        threading.Thread(target=self._accept, daemon=True).start()

    def arm(self, point: str = "", strike: Strike | None = None) -> None:
        """Forget what was seen; *strike* is called with the worker's pid when it first passes
        *point*, and the worker goes on when it returns."""
        with self._lock:
            self.seen: list[Seen] = []
            self._counts: Counter[str] = Counter()
            self._point, self._strike = point, strike
            self.struck = threading.Event()

    def _accept(self) -> None:
        while True:
            wire, _ = self._socket.accept()
            threading.Thread(target=self._hear, args=(wire,), daemon=True).start()

    def _hear(self, wire: socket.socket) -> None:
        with wire, wire.makefile("rb") as lines:
            self._note(json.loads(lines.readline()))
            # It may have been killed at this point.
            with contextlib.suppress(OSError):
                wire.sendall(b"\n")

    def _note(self, message: dict[str, Any]) -> None:
        with self._lock:
            self._counts[message["point"]] += 1
            name = numbered(message["point"], self._counts[message["point"]])
            job, attempt = message.get("job", ""), message.get("attempt", 0)
            self.seen.append(Seen(message["pid"], name, job, attempt, time.monotonic()))
            strike = self._strike if name == self._point and not self.struck.is_set() else None
            if strike:
                self._strike = None
        if strike:
            strike(message["pid"])
            self.struck.set()

    def trace(self) -> tuple[str, ...]:
        """Names of the points in the order in which they were passed."""
        with self._lock:
            return tuple(s.name for s in self.seen)

    def begun(self) -> Counter[tuple[str, int]]:
        """How often each attempt of each job was begun."""
        with self._lock:
            return Counter((s.job, s.attempt) for s in self.seen if s.name.startswith("begin"))
