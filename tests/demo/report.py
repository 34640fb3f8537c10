"""Progress lines with durations, and the table of them at the end."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

# On a machine that is slow, or busy, everything may take so many times longer.
PATIENCE = float(os.environ.get("SRIOV_DEMO_PATIENCE", "1"))


class DemoFailure(Exception):
    """A check did not hold; the message says what was expected and what was seen."""


def expect(condition: object, message: str) -> None:
    """Raises DemoFailure with *message* unless *condition* holds."""
    if not condition:
        raise DemoFailure(message)


@dataclass
class Report:
    """Collects what took how long."""

    began: float = field(default_factory=time.monotonic)
    rows: list[tuple[str, float]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def say(self, text: str) -> None:
        """One line, with the seconds since the start."""
        with self.lock:
            print(f"[{time.monotonic() - self.began:6.1f}s] {text}", flush=True)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """A step: a line when it begins, one when it is done, a row of the table."""
        self.say(f"...  {name}")
        start = time.monotonic()
        try:
            yield
        except BaseException:
            self.say(f"FAIL {name} ({time.monotonic() - start:.1f} s)")
            raise
        took = time.monotonic() - start
        with self.lock:
            self.rows.append((name, took))
        self.say(f"ok   {name} ({took:.1f} s)")

    def seen(self, text: str) -> None:
        """Something a check has found to be true."""
        self.say(f"       - {text}")

    def table(self) -> str:
        """All steps with their durations."""
        width = max((len(name) for name, _ in self.rows), default=4)
        lines = [f"{name:<{width}}  {took:7.1f} s" for name, took in self.rows]
        lines.append(f"{'all in all':<{width}}  {time.monotonic() - self.began:7.1f} s")
        return "\n".join(lines)


def wait_for(what: str, probe: object, seconds: float = 30.0, pause: float = 0.2) -> object:
    """Calls *probe* until it returns something true, which is returned.

    Raises DemoFailure after *seconds*, naming *what* was waited for.
    """
    seconds *= PATIENCE
    end = time.monotonic() + seconds
    while True:
        value = probe()  # type: ignore[operator]
        if value:
            return value
        if time.monotonic() > end:
            raise DemoFailure(f"{what}: not seen within {seconds:.0f} s (last: {value!r})")
        time.sleep(pause)
