"""Tables and charts of what was measured. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tests.bench.firewall import applies, cases, memory, packets
from tests.bench.firewall.applies import Times
from tests.bench.firewall.cases import FEW, MANY, Case, Shape
from tests.bench.firewall.packets import AGAIN, OURS, STOCK, Spread
from tests.bench.firewall.plot import Chart, Line

_BLUE, _SKY, _GREEN, _ORANGE, _RED = "#0072b2", "#56b4e9", "#009e73", "#e69f00", "#d55e00"
_PACKETS = "{:<20}{:>6}{:>13}{:>28}{:>28}{:>7}{:>13}"
_APPLIES = "{:<16}" + "{:>32}" * 5 + "{:>14}"
_MEMORY = "{:<16}" + "{:>15}" * 4


def packet_table(rows: Sequence[packets.Row]) -> Iterator[str]:
    """Lines of text, by prefix lengths and pairs."""
    yield "Nanoseconds per packet, added to its way without a firewall: median of the paired"
    yield "differences of all rounds, [quartiles], (median of the quietest quarter of the rounds)."
    yield "What else is done slows down everything, so that goals are held against quiet rounds."
    columns = ("none", "none, again", "stock", "ours", "ratio", "goal, ours")
    for shape in (FEW, MANY):
        for pairs in dict.fromkeys(r.situation.pairs for r in rows):
            own = [r for r in rows if r.situation.shape is shape and r.situation.pairs == pairs]
            if own:
                yield ""
                yield f"{pairs:,} (port, CIDR) pairs, {len(shape.lengths)} prefix lengths"
                yield _PACKETS.format("", *columns)
                yield from map(_packet_line, own)


def _packet_line(row: packets.Row) -> str:
    ours = row.added[OURS].quiet
    return _PACKETS.format(
        row.case.name,
        f"{row.base.median:.0f}",
        f"{row.added[AGAIN].median:+.0f}",
        _spread(row.added[STOCK]),
        _spread(row.added[OURS]),
        f"{row.ratio:.2f}",
        _goal(ours, row.goal),
    ).rstrip()


def apply_table(rows: Sequence[applies.Row]) -> Iterator[str]:
    """Lines of text, one for each number of elements."""
    yield "Milliseconds of an apply: median, [quickest], (processor time)."
    yield "Goals are held against the quickest."
    yield ""
    columns = ("stock, any change", "ours, all change", "ours, one changes", "ours, none changes")
    yield _APPLIES.format("elements", *columns, "ours, first document", "goal, all")
    for row in rows:
        times = (row.stock, row.rebuild, row.delta, row.same, row.boot)
        yield _APPLIES.format(
            _size(row.elements, row.shape),
            *map(_times, times),
            _goal(row.rebuild.least, row.goal),
        ).rstrip()


def memory_table(rows: Sequence[memory.Row]) -> Iterator[str]:
    """Lines of text, one for each number of elements."""
    yield "Memory, KiB: what the kernel has more afterwards; peak of the process that applies."
    yield ""
    yield _MEMORY.format("elements", "stock, kernel", "ours, kernel", "stock, nft", "ours, agent")
    for row in rows:
        used = (row.stock.kernel, row.ours.kernel, row.stock.peak, row.ours.peak)
        yield _MEMORY.format(_size(row.elements, row.shape), *(f"{u:,.0f}" for u in used))


def charts(rows: Sequence[packets.Row], applied: Sequence[applies.Row]) -> list[Chart]:
    """Costs of packets and of applying."""
    few = [r for r in applied if r.shape is FEW]
    return [
        Chart(
            "What a packet costs more than without a firewall",
            "(port, CIDR) pairs",
            "ns per packet",
            list(_packet_lines(rows)),
        ),
        Chart(
            "What an apply takes",
            "(port, CIDR) pairs",
            "ms",
            [
                _applied("stock, any change", _RED, ((r.elements, r.stock) for r in few)),
                _applied("ours, all pairs change", _BLUE, ((r.elements, r.rebuild) for r in few)),
                _applied("ours, one pair changes", _SKY, ((r.elements, r.delta) for r in few)),
                _goals("goal for all pairs", ((r.elements, r.goal) for r in few)),
            ],
            log=True,
        ),
    ]


def _packet_lines(rows: Sequence[packets.Row]) -> Iterator[Line]:
    def line(label: str, color: str, subject: str, case: Case, shape: Shape) -> Line:
        own = [r for r in rows if r.case is case and r.situation.shape is shape]
        points = [(r.situation.pairs, r.added[subject]) for r in own]
        return Line(
            label,
            color,
            [(x, s.quiet, s.low, s.high) for x, s in points],
            dashed=shape is MANY,
        )

    yield line("stock, new connection", _RED, STOCK, cases.LAST, FEW)
    yield line("stock, established connection", _ORANGE, STOCK, cases.ESTABLISHED, FEW)
    few, many = len(FEW.lengths), len(MANY.lengths)
    yield line(f"ours, any packet, {few} prefix lengths", _BLUE, OURS, cases.LAST, FEW)
    yield line(f"ours, any packet, {many} prefix lengths", _BLUE, OURS, cases.LAST, MANY)
    yield line("ours, listener open to all", _SKY, OURS, cases.OPEN, FEW)
    yield line("ours, refused", _GREEN, OURS, cases.REFUSED, FEW)
    goals = [r for r in rows if r.case is cases.LAST and r.situation.shape is FEW]
    yield _goals(
        f"goal for an allowed packet, {few} prefix lengths",
        ((r.situation.pairs, r.goal) for r in goals),
    )


def _applied(label: str, color: str, points: Iterable[tuple[int, Times]]) -> Line:
    return Line(label, color, [(x, t.median, t.least, t.median) for x, t in points])


def _goals(label: str, points: Iterable[tuple[int, int | None]]) -> Line:
    known = [(x, y, y, y) for x, y in points if y is not None]
    return Line(label, "#555", known, mark=True)


def _size(elements: int, shape: Shape) -> str:
    return f"{elements:,}" + ("" if shape is FEW else f", {shape.name}")


def _spread(s: Spread) -> str:
    return f"{s.median:+.0f} [{s.low:+.0f} {s.high:+.0f}] ({s.quiet:+.0f})"


def _times(t: Times) -> str:
    return f"{t.median:,.1f} [{t.least:,.1f}] ({t.processor:,.1f})"


def _goal(value: float, goal: int | None) -> str:
    if goal is None:
        return ""
    return f"{goal:,} " + ("met" if value <= goal else "MISSED")
