"""What one process has heard, refused and decided, for metrics and for one line in the log now
and then."""

from __future__ import annotations

import collections
import threading
from collections.abc import Mapping

from sriov_provider.health.policy import Verdict
from sriov_provider.health.refused import Why


class Counts:
    """Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._refused: collections.Counter[Why] = collections.Counter()
        self._verdicts: Mapping[Verdict, int] = {}
        self._told: collections.Counter[Why] = collections.Counter()
        self._accepted = self._incomplete = self._failovers = 0
        self._write_seconds = 0.0

    def refuse(self, why: Why, number: int = 1) -> None:
        with self._lock:
            self._refused[why] += number

    def wrote(self, accepted: int, incomplete: int, seconds: float) -> None:
        """One batch of heartbeats is in the database."""
        with self._lock:
            self._accepted += accepted
            self._incomplete += incomplete
            self._write_seconds += seconds

    def decided(self, verdicts: Mapping[Verdict, int], placed: int) -> None:
        """:param verdicts: how many load balancers, now
        :param placed: failovers this process has placed now
        """
        with self._lock:
            self._verdicts = dict(verdicts)
            self._failovers += placed

    @property
    def accepted(self) -> int:
        return self._accepted

    @property
    def incomplete(self) -> int:
        return self._incomplete

    @property
    def failovers(self) -> int:
        return self._failovers

    @property
    def write_seconds(self) -> float:
        return self._write_seconds

    @property
    def refused(self) -> dict[Why, int]:
        with self._lock:
            return {why: self._refused[why] for why in Why}

    @property
    def verdicts(self) -> dict[Verdict, int]:
        return {verdict: self._verdicts.get(verdict, 0) for verdict in Verdict}

    def news(self) -> str:
        """What was refused since this was asked last; empty when nothing was."""
        with self._lock:
            new = self._refused - self._told
            self._told = self._refused.copy()
        return ", ".join(f"{why.value} {number}" for why, number in sorted(new.items()))
