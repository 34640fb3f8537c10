"""Lines that the guest writes, and what the host makes of them. Pure but for printing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

PASSED, FAILED, LEFT_OUT = "passed", "failed", "left out"
# The guest's last line; without it the guest did not get to its end.
END = "end"


@dataclass(frozen=True)
class Result:
    """:ivar outcome: PASSED, FAILED or LEFT_OUT
    :ivar seconds: in the guest
    :ivar vfs: PCI addresses of VFs that packets went out of and came in at
    :ivar notes: what else is worth knowing
    :ivar problem: why it is not PASSED
    """

    name: str
    outcome: str
    seconds: float
    vfs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    problem: str = ""

    def line(self) -> str:
        """As the guest writes it."""
        return json.dumps(self.__dict__)


def results(lines: Iterable[str]) -> tuple[list[Result], bool]:
    """All results in these lines; True when the last line was there."""
    found: list[Result] = []
    for line in lines:
        if line.strip() == END:
            return found, True
        try:
            body = json.loads(line)
            lists = {key: tuple(body[key]) for key in ("vfs", "notes")}
            found.append(Result(**{**body, **lists}))
        except (ValueError, LookupError, TypeError):
            continue  # half a line, or not the guest's
    return found, False


def told(result: Result) -> str:
    """One result for a reader."""
    lines = [f"{result.outcome:<8} {result.seconds:6.1f} s  {result.name}"]
    lines += [f"{'':20}{note}" for note in result.notes]
    if result.vfs:
        lines.append(f"{'':20}traffic on {' '.join(result.vfs)}")
    lines += [f"{'':20}{line}" for line in result.problem.splitlines()]
    return "\n".join(lines)


def summary(found: Sequence[Result], ended: bool, wanted: Sequence[str]) -> tuple[str, int]:
    """The closing lines, and the exit code: 0 when all that was wanted passed.

    :param wanted: names of all checks
    """
    missing = [name for name in wanted if name not in {r.name for r in found}]
    passed = sum(r.outcome == PASSED for r in found)
    skipped = sum(r.outcome == LEFT_OUT for r in found)
    failed = len(found) - passed - skipped + len(missing)
    lines = [f"not run: {name}" for name in missing]
    if not ended:
        lines.append("The guest did not get to its end.")
    vfs = sorted({address for result in found for address in result.vfs})
    lines.append(f"VFs that carried traffic ({len(vfs)}): {' '.join(vfs) or 'none'}")
    lines.append(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return "\n".join(lines), int(failed > 0 or not ended or not passed)
