"""What the firewall has counted. Pure.

The kernel counts; what it forgets when an element or the table is replaced is added here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from amphora_agent_ext import model

# Named counters of the table, and what makes each of them go up.
COUNTERS = {
    "drop_refused": "client outside allowed_cidrs",
    "drop_new": "connection to a port nobody serves, or from a member",
    "drop_flags": "TCP flags that no connection has",
    "drop_spoofed": "one of the amphora's own addresses as source",
    "drop_other": "anything else to an address of the amphora",
    "drop_stray": "not to an address of the amphora",
    "drop_undecided": "interface whose filter is not decided yet",
    "drop_unlisted": "interface that is not in the rule document",
    "drop_forward": "to be forwarded, and no reply of a member of an LVS listener",
    "pass_neutron": "let through, Neutron filters the interface",
}
DROPS = [name.removeprefix("drop_") for name in COUNTERS if name.startswith("drop_")]
# Blocks whose elements count: ports by IP version, found clients, refused clients.
COUNTED = ("port4", "port6", "accepted", "refused")


class Count(NamedTuple):
    packets: int = 0
    bytes: int = 0

    def plus(self, other: Count, sign: int = 1) -> Count:
        return Count(self.packets + sign * other.packets, self.bytes + sign * other.bytes)


class Pair(NamedTuple):
    """What was counted for one listener."""

    accepted: Count = Count()
    refused: Count = Count()

    def plus(self, other: Pair, sign: int = 1) -> Pair:
        return Pair(
            self.accepted.plus(other.accepted, sign), self.refused.plus(other.refused, sign)
        )


@dataclasses.dataclass(frozen=True)
class Totals:
    """:ivar named: by name of ``COUNTERS``
    :ivar listeners: by listener id
    """

    named: Mapping[str, Count] = dataclasses.field(default_factory=dict)
    listeners: Mapping[str, Pair] = dataclasses.field(default_factory=dict)

    def plus(self, other: Totals, sign: int = 1) -> Totals:
        """Of the listeners named here."""
        named = {n: c.plus(other.named.get(n, Count()), sign) for n, c in self.named.items()}
        pairs = {
            key: pair.plus(other.listeners.get(key, Pair()), sign)
            for key, pair in self.listeners.items()
        }
        return Totals(named, pairs)

    def plain(self) -> dict[str, Any]:
        """JSON form: ``{"named": {name: count}, "listeners": {id: {"accepted": ...}}}``."""
        return {
            "named": {name: count._asdict() for name, count in self.named.items()},
            "listeners": {
                key: {kind: count._asdict() for kind, count in pair._asdict().items()}
                for key, pair in self.listeners.items()
            },
        }


def from_plain(body: Mapping[str, Any]) -> Totals:
    """The reverse of :meth:`Totals.plain`."""
    return Totals(
        {name: Count(**count) for name, count in body["named"].items()},
        {
            key: Pair(Count(**pair["accepted"]), Count(**pair["refused"]))
            for key, pair in body["listeners"].items()
        },
    )


@dataclasses.dataclass(frozen=True)
class Tally:
    """What the kernel says.

    :ivar named: by name of ``COUNTERS``
    :ivar elements: block of ``COUNTED`` -> key of the element
    """

    named: Mapping[str, Count] = dataclasses.field(default_factory=dict)
    elements: Mapping[str, Mapping[str, Count]] = dataclasses.field(default_factory=dict)

    def only(self, kept: Mapping[str, Iterable[str]]) -> Tally:
        """Without the elements that are not kept."""
        elements = {
            name: {key: found[key] for key in kept.get(name, ()) if key in found}
            for name, found in self.elements.items()
        }
        return Tally(self.named, elements)

    def totals(self, document: model.Document) -> Totals:
        """By the listeners of the document that is in force."""
        return Totals(
            {name: self.named.get(name, Count()) for name in COUNTERS},
            {listener.id: self._pair(listener) for listener in document.listeners},
        )

    def _pair(self, listener: model.Listener) -> Pair:
        accepted = self._of("accepted", listener)
        for version in (4, 6):
            if listener.open(version):
                accepted = accepted.plus(self._of(f"port{version}", listener))
        return Pair(accepted, self._of("refused", listener))

    def _of(self, name: str, listener: model.Listener) -> Count:
        key = f"{listener.protocol} . {listener.port}"
        return self.elements.get(name, {}).get(key, Count())
