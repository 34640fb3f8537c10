"""How long work goes on: a bar on a terminal, lines elsewhere. On stderr, as stdout is for the
result."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any, TextIO

from sriov_provider.rolling.executor import Progress
from sriov_provider.rolling.model import Outcome, Target

# Seconds after which a line is worth repeating.
_REPEAT = 60.0


@contextlib.contextmanager
def shown(stream: TextIO | None = None) -> Iterator[Progress]:
    """:param stream: by default stderr"""
    stream = stream or sys.stderr
    if not stream.isatty():
        yield Lines(stream)
        return
    # With its library: for those alone who see it.
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn
    from rich.progress import Progress as RichProgress
    from rich.progress import TimeElapsedColumn as Elapsed

    text = TextColumn("{task.description}", markup=False)
    columns = (SpinnerColumn(), BarColumn(20), MofNCompleteColumn(), Elapsed(), text)
    with RichProgress(*columns, console=Console(file=stream)) as bar:
        yield Bar(bar)


def line(outcome: Outcome) -> str:
    """What came of one."""
    told = f"{outcome.end.value}{f': {outcome.words}' if outcome.words else ''}"
    return f"{named(outcome.target)}: {told}"


def named(target: Target) -> str:
    """In full, for a log."""
    return f"amphora {target.amphora_id} of load balancer {target.load_balancer_id}"


class Lines:
    """For a log: each news once, and what takes long once a minute."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._last, self._told_at = "", 0.0

    def doing(self, done: int, total: int, target: Target, text: str, seconds: float) -> None:
        if text == self._last and seconds - self._told_at < _REPEAT:
            return
        self._last, self._told_at = text, seconds
        since = f" ({seconds:.0f} s)" if seconds else ""
        self._print(f"[{done + 1}/{total}] {named(target)} {text}{since}")

    def ended(self, outcome: Outcome) -> None:
        self._last, self._told_at = "", 0.0
        self._print(line(outcome))

    def _print(self, text: str) -> None:
        print(text, file=self._stream, flush=True)


class Bar:
    """For a person who watches."""

    def __init__(self, bar: Any) -> None:
        """:param bar: of rich, running"""
        self._bar = bar
        self._task = bar.add_task("looks", total=None)
        self._done = 0

    def doing(self, done: int, total: int, target: Target, text: str, seconds: float) -> None:
        """Ids in full come with the outcome: they are longer than a line has room for."""
        short = f"{target.amphora_id[:8]} {text}"
        self._bar.update(self._task, completed=done, total=total, description=short)

    def ended(self, outcome: Outcome) -> None:
        self._done += 1
        self._bar.update(self._task, completed=self._done)
        self._bar.console.print(line(outcome), markup=False, highlight=False)
