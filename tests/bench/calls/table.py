"""The table: one row per operation, both providers, and the ratio. Pure."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Mapping, Sequence

from tests.bench.calls import log
from tests.bench.calls.life import Measured


@dataclasses.dataclass(frozen=True)
class Row:
    """Medians of one operation of one provider.

    :ivar spread: shortest and longest time, in seconds
    """

    operation: str
    wall: float
    spread: tuple[float, float]
    answer: float
    cpu: float
    neutron: float
    neutron_api: float
    nova: float
    others: float

    @property
    def calls(self) -> str:
        api = f" (+{self.neutron_api:g})" if self.neutron_api else ""
        return f"{self.neutron:g}{api}"


def rows(measured: Sequence[Measured]) -> dict[str, Row]:
    """By operation, in the order of the first run."""
    found: dict[str, list[Measured]] = {}
    for one in measured:
        found.setdefault(one.operation, []).append(one)
    return {name: _row(name, runs) for name, runs in found.items()}


def _row(name: str, runs: Sequence[Measured]) -> Row:
    counts = [log.count(run.calls) for run in runs]

    def median(who: str, *services: str) -> float:
        return statistics.median(sum(c[who, s] for s in services) for c in counts)

    walls = [run.wall for run in runs]
    return Row(
        operation=name,
        wall=statistics.median(walls),
        spread=(min(walls), max(walls)),
        answer=statistics.median(run.answer for run in runs),
        cpu=statistics.median(run.cpu for run in runs),
        neutron=median(log.WORKER, "neutron"),
        neutron_api=median(log.API, "neutron"),
        nova=median(log.WORKER, "nova"),
        others=median(log.WORKER, "glance", "keystone"),
    )


HEAD = (
    "operation", "wall s", "stock", "ratio", "CPU s", "stock",
    "neutron (+API)", "stock", "nova", "stock",
)  # fmt: skip


def text(ours: Mapping[str, Row], stock: Mapping[str, Row]) -> str:
    """The table of those operations that either has, as reStructuredText."""
    names = tuple(dict.fromkeys((*ours, *stock)))
    return grid([HEAD, *(_line(name, ours.get(name), stock.get(name)) for name in names)])


def _line(name: str, ours: Row | None, stock: Row | None) -> tuple[str, ...]:
    ratio = f"{ours.wall / stock.wall:.2f}" if ours and stock else "-"
    return (
        name,
        f"{ours.wall:.2f}" if ours else "-",
        f"{stock.wall:.2f}" if stock else "-",
        ratio,
        f"{ours.cpu:.2f}" if ours else "-",
        f"{stock.cpu:.2f}" if stock else "-",
        ours.calls if ours else "-",
        stock.calls if stock else "-",
        f"{ours.nova:g}" if ours else "-",
        f"{stock.nova:g}" if stock else "-",
    )


def spreads(rows_: Mapping[str, Row]) -> str:
    """What the table has no room for."""
    head = ("operation", "wall s (min..max)", "API answer s", "glance + keystone")
    lines = [
        (r.operation, f"{r.wall:.2f} ({r.spread[0]:.2f}..{r.spread[1]:.2f})", f"{r.answer:.2f}",
         f"{r.others:g}")
        for r in rows_.values()
    ]  # fmt: skip
    return grid([head, *lines])


def grid(lines: Sequence[tuple[str, ...]]) -> str:
    """A simple table of reStructuredText; the first line is its head."""
    widths = [max(len(line[n]) for line in lines) for n in range(len(lines[0]))]
    rule = "  ".join("=" * width for width in widths)
    body = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    return "\n".join([rule, body[0], rule, *body[1:], rule])
