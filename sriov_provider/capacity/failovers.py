"""Whether each load balancer could be failed over now, each by itself. Pure.

A new amphora needs the VFs of the old one, all of them on one host. While it is built the old one
keeps its own (``failover_strategy: build_first``), or has given them back already
(``release_first``), so that they count as free where they are. A host counts when all VFs are free
there and nothing is known against it; whether the server itself fits (memory, CPUs, NUMA, server
group, availability zone) is Nova's to know. Two failovers at once may want the same VFs.
"""

from __future__ import annotations

import collections
from collections.abc import Collection, Iterable, Mapping

from sriov_provider.capacity import rows as rows_
from sriov_provider.capacity.model import Failover, Inside, Need, Outside, Row, Verdict
from sriov_provider.capacity.totals import Totals
from sriov_provider.records import PortState

_ALIVE = frozenset({PortState.WANTED, PortState.ATTACHED})


def judge(
    inside: Inside, outside: Outside, rows: Iterable[Row], surveyed: Collection[str]
) -> tuple[Failover, ...]:
    """One answer for each load balancer that has VFs.

    :param surveyed: physical networks of which all hosts are in ``rows``; of others there may be
        hosts that nobody told about
    """
    room = {(row.physnet, row.host): row for row in rows}
    return tuple(
        of_load_balancer(lb_id, amphorae, lb_id in inside.release_first, room, surveyed)
        for lb_id, amphorae in sorted(needs(inside, outside).items())
    )


def elsewhere(
    amphora_id: str,
    avoid: Collection[str],
    inside: Inside,
    outside: Outside,
    totals: Totals,
) -> tuple[Verdict, tuple[str, ...], str]:
    """Whether what comes in the place of an amphora finds its VFs, but not on these hosts.

    :param avoid: its own host among them, so that what it gives back there is of no use
    :returns: as of :func:`of_amphora`; an amphora without VFs is always possible
    """
    need = next(
        (n for some in needs(inside, outside).values() for n in some if n.amphora_id == amphora_id),
        None,
    )
    if need is None:
        return Verdict.POSSIBLE, (), ""
    table = rows_.table(inside, outside, totals)
    room = {(row.physnet, row.host): row for row in table if row.host not in avoid}
    verdict, hosts, why = of_amphora(need, False, room, surveyed(outside, totals))
    return verdict, hosts, why.replace("No host has", "No other host has")


def needs(inside: Inside, outside: Outside) -> dict[str, tuple[Need, ...]]:
    """What the amphorae of each load balancer have, and a failover has to find again."""
    where = rows_.places(inside, outside)
    vfs: dict[tuple[str, str], collections.Counter[str | None]] = {}
    hosts: dict[str, str] = {}
    for h in inside.holdings:
        if h.state in _ALIVE and h.amphora_id not in inside.leaving:
            physnet, host = where[h.id]
            vfs.setdefault((h.load_balancer_id, h.amphora_id), collections.Counter())[physnet] += 1
            hosts.setdefault(h.amphora_id, host or "")
    found: dict[str, tuple[Need, ...]] = {}
    for (lb_id, amphora), counts in sorted(vfs.items()):
        need = Need(amphora, hosts[amphora] or None, dict(counts))
        found[lb_id] = (*found.get(lb_id, ()), need)
    return found


def surveyed(outside: Outside, totals: Totals) -> frozenset[str]:
    """Physical networks whose hosts are all known: those of the SR-IOV agents, and those whose
    VFs are in Placement."""
    mapped = frozenset(p for physnets in (outside.mapped or {}).values() for p in physnets)
    classes = totals.classes_by_physnet()
    placed = {p for p, names in classes.items() if names <= set(outside.stocks)}
    return mapped | placed


def find_hosts(
    need: Need, release_first: bool, room: Mapping[tuple[str | None, str | None], Row]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Hosts that have all VFs of an amphora free, and hosts that may have them."""
    sure, maybe = [], []
    for host in sorted({row.host for row in room.values() if row.host}):
        own = release_first and need.host == host
        answers = {
            _fits(room.get((physnet, host)), count, count if own else 0)
            for physnet, count in need.vfs.items()
        }
        if answers == {True}:
            sure.append(host)
        elif False not in answers:
            maybe.append(host)
    return tuple(sure), tuple(maybe)


def _fits(row: Row | None, count: int, own: int) -> bool | None:
    """None: not known."""
    if row is None or row.troubles:
        return False
    if row.free is None:
        return None if row.total is None or row.total >= count else False
    return row.free + own >= count


def of_load_balancer(
    lb_id: str,
    amphorae: tuple[Need, ...],
    release_first: bool,
    room: Mapping[tuple[str | None, str | None], Row],
    surveyed: Collection[str],
) -> Failover:
    """As the amphora with the worst prospect."""
    order = (Verdict.IMPOSSIBLE, Verdict.UNKNOWN, Verdict.POSSIBLE)
    answers = [of_amphora(need, release_first, room, surveyed) for need in amphorae]
    verdict, hosts, why = min(answers, key=lambda a: (order.index(a[0]), len(a[1])))
    return Failover(lb_id, verdict, release_first, amphorae, hosts, why)


def of_amphora(
    need: Need,
    release_first: bool,
    room: Mapping[tuple[str | None, str | None], Row],
    surveyed: Collection[str],
) -> tuple[Verdict, tuple[str, ...], str]:
    """The verdict, hosts that have all its VFs free, and a sentence when it is not possible or
    not known to be."""
    sure, maybe = find_hosts(need, release_first, room)
    if sure:
        return Verdict.POSSIBLE, sure, ""
    if None in need.vfs:
        return Verdict.UNKNOWN, (), "The physical network of one of its networks is not known."
    if maybe:
        return Verdict.UNKNOWN, (), f"Free VFs are not known on {', '.join(maybe)}."
    if missing := sorted(str(p) for p in need.vfs if p not in surveyed):
        return Verdict.UNKNOWN, (), f"Not all hosts with VFs of {', '.join(missing)} are known."
    return Verdict.IMPOSSIBLE, (), f"No host has {_wants(need)} free."


def _wants(need: Need) -> str:
    counts = sorted(need.vfs.items(), key=str)
    return " and ".join(f"{n} {'VF' if n == 1 else 'VFs'} of {physnet}" for physnet, n in counts)
