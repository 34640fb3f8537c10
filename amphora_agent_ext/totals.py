"""What the firewall has counted. Survives a replacement of the table: read before, given back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from amphora_agent_ext import model

# Named counters of the table, and what makes each of them go up.
COUNTERS = {
    "drop_refused": "client outside allowed_cidrs",
    "drop_new": "connection to a port nobody serves, or from a member",
    "drop_spoofed": "one of the amphora's own addresses as source",
    "drop_other": "anything else to an address of the amphora",
    "drop_stray": "not to an address of the amphora",
    "drop_undecided": "interface whose filter is not decided yet",
    "drop_unlisted": "interface that is not in the rule document",
    "drop_forward": "to be forwarded, and no reply of a member of an LVS listener",
    "pass_neutron": "let through, Neutron filters the interface",
}


@dataclasses.dataclass(frozen=True)
class Count:
    packets: int = 0
    bytes: int = 0


@dataclasses.dataclass(frozen=True)
class Totals:
    """:ivar named: one count for each name of ``COUNTERS``
    :ivar refused: refused packets by (protocol, port) of the listener
    """

    named: Mapping[str, Count] = dataclasses.field(default_factory=dict)
    refused: Mapping[tuple[str, int], Count] = dataclasses.field(default_factory=dict)

    def report(self, document: model.Document) -> dict[str, Any]:
        """JSON form: ``{"named": {...}, "refused": {listener id: ...}}``, packets and bytes."""
        refused = {
            listener.id: self.refused.get((listener.protocol, listener.port), Count())
            for listener in document.listeners
        }
        return {
            "named": {name: _plain(self.named.get(name, Count())) for name in COUNTERS},
            "refused": {key: _plain(count) for key, count in refused.items()},
        }


def _plain(count: Count) -> dict[str, int]:
    return dataclasses.asdict(count)
