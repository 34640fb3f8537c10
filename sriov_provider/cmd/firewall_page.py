"""Rows of ``firewall show``, and the sentences they are for a person. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from sriov_provider.amphora.base import FirewallState
from sriov_provider.cmd import words
from sriov_provider.db.firewall_checks import Watched
from sriov_provider.errors import Reason
from sriov_provider.firewall import counts
from sriov_provider.firewall.counts import Count
from sriov_provider.records import AmphoraRecord, Inventory, PortRecord, PortRole
from sriov_provider.worker import drift

NOT_ASKED = "not asked"
_ANSWERS = "answers"

Row = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Told:
    """One amphora's firewall, on record and as its agent tells.

    :ivar watched: None when nobody looks at it, as it does not serve
    :ivar answer: why there is no state: the agent does not answer; None when it was not asked
    """

    record: AmphoraRecord
    watched: Watched | None
    answer: FirewallState | Reason | None = None

    @property
    def state(self) -> FirewallState | None:
        """What the agent tells now, if it does."""
        return self.answer if isinstance(self.answer, FirewallState) else None


def amphora(told: Told) -> Row:
    """What is in force, and how the looks went."""
    record, state = told.record, told.state
    watched = told.watched or Watched(record.id, record.load_balancer_id, "")
    seen = watched.checked_at
    return {
        "id": record.id,
        "role": record.role,
        "state": record.state.value,
        "agent": _agent(told),
        "rules": _rules(told),
        "digest_recorded": record.firewall_digest,
        "digest_kernel": state.digest if state else None,
        "table_kernel": (state.table or None) if state else None,
        "checked_at": seen.isoformat(timespec="seconds") if seen else None,
        "failures": watched.failures,
        "drifts": watched.drifts,
        "repairs": watched.repairs,
        "repairs_failed": watched.repairs_failed,
        "interfaces_vanished": watched.vanished,
    }


def _agent(told: Told) -> str:
    if isinstance(told.answer, Reason):
        return f"cannot be asked: {told.answer}"
    return NOT_ASKED if told.answer is None else _ANSWERS


def _rules(told: Told) -> str:
    """``recorded``, ``drifted`` or ``unknown``."""
    if told.state is None:
        return "unknown"
    return "drifted" if drift.differs(told.record.firewall_digest, told.state) else "recorded"


def interfaces(held: Inventory, told: Told) -> Iterator[Row]:
    """The amphora's ports, but for the management port."""
    flavor = held.load_balancer.flavor if held.load_balancer else {}
    names = {m.lower(): n for m, n in told.state.interfaces.items()} if told.state else {}
    for port in held.ports:
        if port.amphora_id == told.record.id:
            mac = (port.mac or "").lower()
            yield {
                "amphora_id": told.record.id,
                "role": port.role.value,
                "state": port.state.value,
                "mac": mac or None,
                "name": names.get(mac),
                "in_amphora": names[mac] is not None if mac in names else None,
                "filtered_by": words.filtered_by(port, flavor),
                "addresses": list(_addresses(held, told.record, port)),
            }


def _addresses(held: Inventory, record: AmphoraRecord, port: PortRecord) -> Iterator[Row]:
    """VIP addresses are on no port of Neutron's, so they come from the load balancer."""
    if port.role is PortRole.VIP and held.load_balancer:
        for address in held.load_balancer.vip_addresses():
            yield {"address": address, "role": "vip"}
    for _subnet, address in port.addresses:
        yield {"address": address, "role": "vrrp" if address == record.vrrp_ip else "member"}


def listeners(told: Told) -> Iterator[Row]:
    """The listeners of the recorded rules, with what the agent counted for them."""
    counters = told.state.counters if told.state else None
    for listener in (told.record.firewall_document or {}).get("listeners", ()):
        found = counters.listeners.get(listener["id"]) if counters else None
        yield {
            "amphora_id": told.record.id,
            "id": listener["id"],
            "protocol": listener["protocol"],
            "port": listener["port"],
            "allowed_cidrs": len(listener["allowed_cidrs"]),
            "accepted": _count(found.accepted if found else None),
            "refused": _count(found.refused if found else None),
        }


def drops(told: Told) -> Iterator[Row]:
    """What was dropped, by reason."""
    counters = told.state.counters if told.state else None
    for reason, count in (counters.drops() if counters else {}).items():
        row = {"amphora_id": told.record.id, "reason": reason, "packets": count.packets}
        yield row | {"bytes": count.bytes, "meaning": counts.meaning(reason)}


def _count(count: Count | None) -> Row | None:
    return dataclasses.asdict(count) if count else None


def amphora_line(row: Mapping[str, Any]) -> str:
    """The first words say whether all is well."""
    verdict = {
        "recorded": "has the rules on record",
        "drifted": "DRIFTED: its kernel holds other rules than those on record",
        "unknown": f"agent {row['agent']}; what is shown is on record only",
    }[row["rules"]]
    recorded, kernel = row["digest_recorded"] or "none: not known", row["digest_kernel"] or "none"
    digests = f"digest {recorded}"
    if row["rules"] == "drifted":
        digests = f"digest on record {recorded}, in the kernel {kernel}"
    told = ("id", "role", "state", "agent", "rules", "digest_recorded", "digest_kernel")
    rest = words.line({k: v for k, v in row.items() if k not in told and v})
    parts = [f"{row['id']} {row['role']} {row['state']}: {verdict}", digests, rest]
    return "; ".join(part for part in parts if part)


def interface_line(row: Mapping[str, Any]) -> str:
    """Where it is and who filters it."""
    where = {True: f"is {row['name']}", False: "is NOT in the amphora", None: "name not known"}
    addresses = ", ".join(f"{a['role']} {a['address']}" for a in row["addresses"])
    return (
        f"{row['role']} port {row['mac'] or 'without MAC address'} {row['state']}, "
        f"{where[row['in_amphora']]}: filtered by {row['filtered_by']}; "
        f"{addresses or 'no address'}"
    )


def listener_line(row: Mapping[str, Any]) -> str:
    """Whom it lets in, and how many it did."""
    number = row["allowed_cidrs"]
    cidrs = "1 allowed CIDR" if number == 1 else f"{number} allowed CIDRs"
    who = cidrs if number else "anybody"
    counted = ", ".join(f"{name} {_words(row[name])}" for name in ("accepted", "refused"))
    return f"{row['protocol']} {row['port']} ({row['id']}): {who}; {counted}"


def drop_line(row: Mapping[str, Any]) -> str:
    """How many, and what the reason means."""
    return f"{row['reason']}: {_words(row)}; {row['meaning'] or 'see the image of the amphora'}"


def _words(count: Mapping[str, Any] | None) -> str:
    if count is None:
        return "not known"
    return f"{count['packets']} packets ({count['bytes']} bytes)"
