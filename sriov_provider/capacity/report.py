"""Capacity as a whole: rows, failovers, and what is not known. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sriov_provider.capacity import failovers, rows
from sriov_provider.capacity.model import Gap, Inside, Need, Outside, Report, Verdict
from sriov_provider.capacity.totals import Totals

# So many hosts or physical networks are named in one sentence.
_NAMED = 8


def make(inside: Inside, outside: Outside, totals: Totals) -> Report:
    """:param totals: as the operator states them"""
    table = rows.table(inside, outside, totals)
    judged = failovers.judge(inside, outside, table, failovers.surveyed(outside, totals))
    return Report(table, judged, outside.unknown)


def only(report: Report, physnet: str | None, host: str | None) -> Report:
    """What is about one physical network, one host, or both; failovers are those of load balancers
    that have an amphora there."""
    kept = (r for r in report.rows if physnet in (None, r.physnet) and host in (None, r.host))
    judged = (f for f in report.failovers if any(_is_there(n, physnet, host) for n in f.needs))
    return Report(tuple(kept), tuple(judged), report.unknown)


def _is_there(need: Need, physnet: str | None, host: str | None) -> bool:
    return host in (None, need.host) and (physnet is None or physnet in need.vfs)


def count(report: Report, physnet: str | None = None) -> dict[Verdict, int]:
    """Load balancers by whether they can be failed over; of one physical network or of all."""
    counts = dict.fromkeys(Verdict, 0)
    for failover in only(report, physnet, None).failovers:
        counts[failover.verdict] += 1
    return counts


def sentences(report: Report) -> tuple[str, ...]:
    """Everything that is not known, and why; what rows have in common once."""
    found: dict[Gap, dict[str, list[str]]] = {}
    for row in report.rows:
        for gap in row.unknown:
            hosts = found.setdefault(gap, {}).setdefault(row.physnet or "some network", [])
            hosts.append(row.host or "no host")
    return (*report.unknown, *(s for gap, where in found.items() for s in _about(gap, where)))


def _about(gap: Gap, where: Mapping[str, list[str]]) -> Iterator[str]:
    """One sentence for all physical networks that lack the same on the same hosts."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for physnet, hosts in where.items():
        alike.setdefault(tuple(hosts), []).append(physnet)
    for places, physnets in alike.items():
        yield f"{gap.what} of {_names(physnets)} on {_names(places)}: {gap.why}"


def _names(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
