"""From nanoseconds per packet of many rounds to what is reported. Pure.

What else the machine does meets the subjects of a round alike, so each is compared with the one
without a firewall of the same round, and the median of these differences counts.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Mapping, Sequence

from tests.bench.firewall import cases
from tests.bench.firewall.cases import FEW, Case, Situation

NONE, AGAIN, STOCK, OURS = "none", "none, again", "stock", "ours"
SUBJECTS = (NONE, AGAIN, STOCK, OURS)
SIZES = (1, 10, 100, 1_000, 10_000)
# Of the rounds, those in which the machine did the least besides.
_QUIET = 4


@dataclasses.dataclass(frozen=True)
class Spread:
    """Of all rounds: the median and the quartiles around it; and the median of quiet rounds.

    In nanoseconds.
    """

    low: float
    median: float
    high: float
    quiet: float


@dataclasses.dataclass(frozen=True)
class Row:
    """One case.

    :ivar base: a packet's whole way without a firewall
    :ivar added: what each other subject adds to it
    """

    situation: Situation
    case: Case
    base: Spread
    added: Mapping[str, Spread]

    @property
    def ratio(self) -> float:
        """What ours adds against what stock adds."""
        return self.added[OURS].median / self.added[STOCK].median

    @property
    def goal(self) -> int | None:
        """What ours shall add at most."""
        if self.situation.pairs < 1_000:
            return None
        if not self.case.allowed:
            return 150
        if self.situation.pairs == 1_000:
            return 300
        return 400 if self.situation.shape is FEW or self.case is cases.OPEN else 600


def row(situation: Situation, case: Case, times: Sequence[Sequence[float]]) -> Row:
    """From the times of all rounds, by subject, in the order of ``SUBJECTS``."""
    base = times[0]
    limit = statistics.quantiles(base, n=_QUIET)[0]
    quiet = [n for n, time in enumerate(base) if time <= limit]

    def spread(values: Sequence[float]) -> Spread:
        low, median, high = statistics.quantiles(values, n=4)
        return Spread(low, median, high, statistics.median(values[n] for n in quiet))

    added = {
        subject: spread([t - b for t, b in zip(own, base, strict=True)])
        for subject, own in zip(SUBJECTS[1:], times[1:], strict=True)
    }
    return Row(situation, case, spread(base), added)
