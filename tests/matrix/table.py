"""The matrix as text and as reStructuredText. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.matrix.phases import PHASES
from tests.matrix.results import Result, cell


def rows(
    results: Iterable[Result], faults: Sequence[str], operations: Sequence[str]
) -> list[list[str]]:
    """A header; then one row for each operation and phase."""
    found = list(results)
    shown = [f for f in faults if any(r.fault == f for r in found)]
    lines = [["operation", "phase", *shown]]
    for operation in operations:
        mine = [r for r in found if r.operation == operation]
        for phase in (p for p in PHASES if any(r.phase == p for r in mine)):
            here = [r for r in mine if r.phase == phase]
            lines.append(
                [operation, phase, *(cell(r for r in here if r.fault == f) for f in shown)]
            )
    return lines


def text(lines: Sequence[Sequence[str]], rule: str = "=") -> str:
    """Columns as wide as they must be; a simple table of reStructuredText."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    bar = "  ".join(rule * width for width in widths)
    body = ["  ".join(v.ljust(w) for v, w in zip(line, widths, strict=True)) for line in lines]
    return "\n".join([bar, body[0].rstrip(), bar, *(b.rstrip() for b in body[1:]), bar])


def rst(lines: Sequence[Sequence[str]]) -> str:
    """As :func:`text`; a first column must not be empty there, other empty cells may."""
    return text([[value or "\\-" for value in line] for line in lines])


BEGIN, END = ".. the matrix begins", ".. the matrix ends"


def write(page: Path, lines: Sequence[Sequence[str]], totals: str) -> None:
    """In place of what is between the two marks of a page, or as a whole page of its own."""
    body = f"{BEGIN}\n\n{rst(lines)}\n\n{totals}.\n\n{END}"
    old = page.read_text() if page.exists() else f"{BEGIN}\n{END}\n"
    head, _, rest = old.partition(BEGIN)
    page.write_text(head + body + rest.partition(END)[2])
