"""VFs by physical network and host: our ports, everybody else's, totals and what is left. Pure.

A number is shown when a service or the operator has said it; else it is None, with a sentence.
Nova tells nobody how many VFs a physical network has on a host: its API has no such number, and
Placement (``[pci] report_in_placement``) gets only devices without a ``physical_network``
(nova.compute.pci_placement_translator, up to Nova 34). So those totals are the operator's to state.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from sriov_provider.capacity.model import Gap, Inside, Outside, Row, Stock
from sriov_provider.capacity.totals import Totals
from sriov_provider.records import PortState

Place = tuple[str | None, str | None]
_COLUMN = {
    PortState.WANTED: "wanted",
    PortState.RELEASING: "releasing",
    PortState.LEAKED: "leaked",
}


def places(inside: Inside, outside: Outside) -> dict[str, Place]:
    """Physical network and host of each port of ours, by row id: as Nova claimed its VF, else as
    its network and its amphora have it."""
    bound = {port.id: (port.physnet, port.host) for port in outside.ports or ()}
    return {
        h.id: bound.get(h.neutron_id or "", (outside.physnets.get(h.network_id), h.host))
        for h in inside.holdings
    }


def table(inside: Inside, outside: Outside, totals: Totals) -> tuple[Row, ...]:
    """One row for each physical network and host with VFs, as far as anybody tells."""
    ours = _ours(inside, outside)
    others = _others(inside, outside)
    seen = {*ours, *(others or ()), *_mapped(outside), *_stated(outside, totals)}
    named = sorted(seen, key=lambda place: tuple((part is None, part or "") for part in place))
    mine = (dataclasses.replace(Row(*place), **ours.get(place, {})) for place in named)
    return tuple(_row(row, others, outside, totals) for row in mine)


def _ours(inside: Inside, outside: Outside) -> dict[Place, dict[str, Any]]:
    where = places(inside, outside)
    found: dict[Place, dict[str, Any]] = {}
    for holding in inside.holdings:
        counts = found.setdefault(where[holding.id], {})
        column = _COLUMN.get(holding.state, holding.role.value)
        counts[column] = counts.get(column, 0) + 1
    return found


def _others(inside: Inside, outside: Outside) -> dict[Place, int] | None:
    if outside.ports is None:
        return None
    ours = {h.neutron_id for h in inside.holdings}
    return dict(collections.Counter((p.physnet, p.host) for p in outside.ports if p.id not in ours))


def _mapped(outside: Outside) -> Iterator[Place]:
    for host, physnets in (outside.mapped or {}).items():
        yield from ((physnet, host) for physnet in physnets)


def _stated(outside: Outside, totals: Totals) -> Iterator[Place]:
    yield from ((physnet, host) for host, physnet in totals.stated if host)
    for physnet, classes in totals.classes_by_physnet().items():
        hosts = {host for name in classes for host in outside.stocks.get(name, {})}
        yield from ((physnet, h) for h in hosts if totals.of(h, physnet) in classes)


def _row(row: Row, others: Mapping[Place, int] | None, outside: Outside, totals: Totals) -> Row:
    """The row with everything that is not ours."""
    if row.physnet is None or row.host is None:
        count = None if others is None else others.get((row.physnet, row.host), 0)
        return dataclasses.replace(row, others=count, unknown=_homeless(row))
    stated = totals.of(row.host, row.physnet)
    stock = outside.stocks.get(stated, {}).get(row.host) if isinstance(stated, str) else None
    total = stock.total if stock else stated if isinstance(stated, int) else None
    theirs = _theirs(row, stock, others)
    known = total is not None and theirs is not None
    return dataclasses.replace(
        row,
        total=total,
        others=theirs,
        free=max((total or 0) - row.ours - (theirs or 0), 0) if known else None,
        troubles=tuple(_troubles(row.physnet, row.host, outside)),
        unknown=tuple(_gaps(total, stated, theirs)),
    )


def _theirs(row: Row, stock: Stock | None, others: Mapping[Place, int] | None) -> int | None:
    if stock:
        return max(stock.used - row.ours, 0)
    return None if others is None else others.get((row.physnet, row.host), 0)


def _troubles(physnet: str, host: str, outside: Outside) -> Iterator[str]:
    if why := (outside.hosts_down or {}).get(host):
        yield why
    if host in outside.agents_down and physnet in (outside.mapped or {}).get(host, ()):
        yield "its SR-IOV agent is down, so Neutron binds no VF there"


def _gaps(total: int | None, stated: int | str | None, others: int | None) -> Iterator[Gap]:
    if total is None and stated:
        yield Gap("total", f"Placement has no inventory of {stated} there")
    elif total is None:
        yield Gap("total", "neither Nova nor Placement tells; [sriov_provider] vf_totals can")
    if others is None:
        yield Gap("others", "the ports of other users cannot be seen")


def _homeless(row: Row) -> tuple[Gap, ...]:
    if row.host is None:
        return (Gap("host", "of these amphorae none is on record (not booted yet, or gone)"),)
    return (Gap("physical network", "Neutron does not tell that of these networks"),)
