"""The rule document between two documents: what both allow, and all answers of members. Pure.

It is applied before haproxy changes, so that whatever shall be closed is closed first; what shall
be opened is opened after the change, by the new document itself. Answers of members are the
exception: haproxy asks the old members until it changes and the new ones at once. An answer that is
dropped meanwhile costs a client a second (new member) or the whole time to connect (old one).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sriov_provider.firewall import cidrs
from sriov_provider.firewall.model import VERSION, Document, deny_all


def closing(old: Document | None, new: Document) -> dict[str, Any]:
    """The intersection of what clients and peers may do, the union of what members may answer.

    An own address that only one of the two has is there for the answers, and peers and pings that
    both let in are let in at it as well: that address is not in use before or after the change.

    :param old: the document in force; None or empty when there is none, then nothing is allowed
    :param new: the document to come
    """
    old = old or deny_all()
    # Where nothing gets in at all no haproxy is waiting for answers.
    answers = _either if old["interfaces"] else _common
    peers = _common(old, new, "peers")
    port = new["peer_port"] if old["peer_port"] == new["peer_port"] else None
    return {
        "version": VERSION,
        "interfaces": _interfaces(old["interfaces"], new["interfaces"]),
        "listeners": _listeners(old["listeners"], new["listeners"]),
        "members": answers(old, new, "members"),
        "ping": answers(old, new, "ping"),
        "peers": peers,
        "peer_port": port if peers else None,
        "echo": bool(old["echo"] and new["echo"]),
    }


def _common(old: Document, new: Document, name: str) -> list[Any]:
    before = {_key(v) for v in old[name]}
    return [v for v in new[name] if _key(v) in before]


def _either(old: Document, new: Document, name: str) -> list[Any]:
    """Ordered as a document is, so that equal rules give equal documents."""
    both = {_key(v): v for v in (*old[name], *new[name])}
    return sorted(both.values(), key=_order)


def _order(value: Any) -> Any:
    if isinstance(value, Mapping):
        return value["address"], value["protocol"], value["port"]
    return value


def _key(value: Any) -> Any:
    return tuple(sorted(value.items())) if isinstance(value, Mapping) else value


def _interfaces(old: list[Document], new: list[Document]) -> list[dict[str, Any]]:
    before, after = {i["mac"]: i for i in old}, {i["mac"]: i for i in new}
    found = {mac: _interface(before[mac], after[mac]) for mac in before.keys() & after.keys()}
    if before:
        # Interfaces that come or go: without a VIP nothing but answers gets in there.
        alone = {**before, **after}
        found |= {m: dict(i) for m, i in alone.items() if m not in found and not i["vips"]}
    return [found[mac] for mac in sorted(found)]


def _interface(old: Document, new: Document) -> dict[str, Any]:
    filters = {old["filter"], new["filter"]}
    both = {
        "mac": new["mac"],
        "filter": _strictest(filters),
        "vips": _common(old, new, "vips"),
        # Only answers, peers and pings get in at these.
        "addresses": _either(old, new, "addresses"),
        "dhcp": bool(old["dhcp"] and new["dhcp"]),
        "slaac": bool(old["slaac"] and new["slaac"]),
    }
    if filters == {"amphora", "neutron"}:
        # Neutron's side allows all, so the common part is the amphora's side as it is.
        both |= dict(old if old["filter"] == "amphora" else new)
    return both


def _strictest(filters: set[str]) -> str:
    return next(f for f in ("drop", "amphora", "neutron") if f in filters)


def _listeners(old: list[Document], new: list[Document]) -> list[dict[str, Any]]:
    before, after = _open(old), _open(new)
    found = []
    for (protocol, port), (name, allowed) in after.items():
        if (protocol, port) not in before:
            continue
        common = cidrs.intersection(before[protocol, port][1], allowed)
        if common is not None:
            entry = {"id": name, "protocol": protocol, "port": port}
            found.append({**entry, "allowed_cidrs": list(common)})
    return found


def _open(listeners: list[Document]) -> dict[tuple[str, int], tuple[str, tuple[str, ...]]]:
    """(listener id, CIDRs) by (protocol, port); several listeners of one port add up."""
    found: dict[tuple[str, int], tuple[str, tuple[str, ...]]] = {}
    for listener in listeners:
        key, allowed = (listener["protocol"], listener["port"]), tuple(listener["allowed_cidrs"])
        name, already = found.get(key, (listener["id"], allowed))
        found[key] = name, cidrs.union(already, allowed)
    return found
