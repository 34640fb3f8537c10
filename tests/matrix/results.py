"""What came of each scenario, kept in a file so that a run can be gone on with."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

OK, STUCK, LEAKED, DIFFERENT, NOT_MET = "ok", "STUCK", "LEAKED", "DIFFERENT", "not met"
VERDICTS = (STUCK, LEAKED, DIFFERENT, NOT_MET, OK)


@dataclass(frozen=True)
class Result:
    """:ivar seconds: from the end of the fault to the end of the operation
    :ivar detail: what was wrong
    """

    operation: str
    point: str
    phase: str
    fault: str
    verdict: str
    seconds: float
    detail: str = ""

    @property
    def key(self) -> str:
        return f"{self.operation}|{self.point}|{self.fault}"


def load(path: Path | None) -> dict[str, Result]:
    """By key, the latest of each."""
    if path is None or not path.exists():
        return {}
    rows = [Result(**json.loads(line)) for line in path.read_text().splitlines()]
    return {row.key: row for row in rows}


def append(path: Path | None, result: Result) -> None:
    """One more line."""
    if path is not None:
        with path.open("a") as file:
            file.write(json.dumps(asdict(result)) + "\n")


def cell(results: Iterable[Result]) -> str:
    """All of one phase and one fault: the worst of them, and the slowest when all are well."""
    found = list(results)
    if not found:
        return ""
    for verdict in VERDICTS[:-1]:
        bad = [r for r in found if r.verdict == verdict]
        if bad:
            return f"{verdict} {len(bad)}/{len(found)}"
    slowest = max(r.seconds for r in found)
    return f"{len(found)} ok {slowest:.0f} s" if len(found) > 1 else f"ok {slowest:.0f} s"


def totals(results: Iterable[Result]) -> str:
    """The last line."""
    found = list(results)
    count = {v: sum(r.verdict == v for r in found) for v in VERDICTS}
    text = f"{len(found)} scenarios, {count[STUCK]} stuck, {count[LEAKED]} leaked"
    text += f", {count[DIFFERENT]} different"
    return text + (f", {count[NOT_MET]} not met" if count[NOT_MET] else "")
