"""The matrix as text and as reStructuredText. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tests.matrix.phases import PHASES
from tests.matrix.results import OK, Result, cell


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
_WELL = re.compile(r"(?:(\d+) )?ok (\d+) s")


def write(page: Path, lines: Sequence[Sequence[str]], totals: str) -> None:
    """In place of what is between the two marks of a page, or as a whole page of its own."""
    body = f"{BEGIN}\n\n{rst(lines)}\n\n{totals}.\n\n{END}"
    old = page.read_text() if page.exists() else f"{BEGIN}\n{END}\n"
    head, _, rest = old.partition(BEGIN)
    page.write_text(head + body + rest.partition(END)[2])


def read(page: Path) -> list[Result]:
    """The cells of a page in which all is well: as many results as each counts, all as slow as its
    slowest."""
    inner = page.read_text().partition(BEGIN)[2].partition(END)[0] if page.exists() else ""
    lines = [line for line in inner.splitlines() if line.strip()]
    if not lines:
        return []
    spans = [m.span() for m in re.finditer("=+", lines[0])]
    values = [[line[start:end].strip() for start, end in spans] for line in lines[1:]]
    _, _, *faults = values[0]
    found = []
    for operation, phase, *cells in values[2:]:
        for fault, value in zip(faults, cells, strict=True):
            found += _results(operation, phase, fault, value)
    return found


def _results(operation: str, phase: str, fault: str, value: str) -> Iterator[Result]:
    match = _WELL.fullmatch(value)
    if match is None:
        return
    for number in range(int(match[1] or 1)):
        yield Result(operation, f"{phase} {number}", phase, fault, OK, float(match[2]))


def completed(old: Iterable[Result], new: Iterable[Result]) -> list[Result]:
    """New results, and old ones of cells that have no new one."""
    found = list(new)
    cells = {(r.operation, r.phase, r.fault) for r in found}
    return [*(r for r in old if (r.operation, r.phase, r.fault) not in cells), *found]
