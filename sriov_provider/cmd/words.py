"""Rows of ``explain`` as sentences for a person. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sriov_provider.records import AmphoraRecord, AmphoraState, PortRecord
from sriov_provider.vnic import Filter
from sriov_provider.worker import plan

_NOBODY_YET = "nobody yet: all is dropped"


def filtered_by(port: PortRecord, flavor: Mapping[str, Any]) -> str:
    """Who filters a port, the flavor's ``amphora_firewall`` taken into account."""
    names = (Filter.NEUTRON, Filter.AMPHORA)
    who = {port.filter, plan.effective_filter(port, flavor)}
    return " and ".join(name.value for name in names if name in who) or _NOBODY_YET


def warnings(amphorae: Iterable[AmphoraRecord]) -> Iterator[str]:
    """What an operator should know of a pair."""
    staying = [a for a in amphorae if a.state is not AmphoraState.RELEASING]
    for one, other in itertools.combinations(staying, 2):
        if one.host and one.host == other.host:
            yield f"amphorae {one.id} and {other.id} are both on host {one.host}"
    for one in staying:
        if one.state is AmphoraState.STALE:
            yield f"amphora {one.id} has missed changes, and is brought up to date by itself"


def line(row: Mapping[str, Any]) -> str:
    """What is set, as ``name=value``."""
    return " ".join(f"{k}={v}" for k, v in row.items() if v not in (None, False, [], ""))


def port(row: Mapping[str, Any]) -> str:
    """What it is, what it was asked for and became, and who filters it; then the rest."""
    became = f"bound as {row['vif_type']}" if row["vif_type"] else "binding not on record"
    addresses = ", ".join(address for _subnet, address in row["addresses"])
    told = ("role", "vnic_type", "vif_type", "filter", "filtered_by", "addresses", "state")
    rest = {name: value for name, value in row.items() if name not in told}
    return (
        f"{row['role']} port {row['state']}: {row['vnic_type']}, {became}, "
        f"filtered by {row['filtered_by']}; {addresses or 'no address'}; {line(rest)}"
    )


def job(row: Mapping[str, Any]) -> str:
    """The row; where it found no VF, as a sentence."""
    told = line({k: v for k, v in row.items() if k not in ("placement", "hosts_tried")})
    if not row["placement"] and not row["hosts_tried"]:
        return told
    hosts = ", ".join(row["hosts_tried"]) or "hosts Nova did not name"
    ways = "1 way" if row["placement"] == 1 else f"{row['placement']} ways"
    return f"{told}; no VF on {hosts}, {ways} of placing the amphora tried"
