"""What an amphora's firewall has counted, as its agent tells it. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

_DROP = "drop_"
# The agent's named counters, and what makes each of them go up.
MEANINGS = {
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


@dataclasses.dataclass(frozen=True)
class Count:
    packets: int = 0
    bytes: int = 0


@dataclasses.dataclass(frozen=True)
class ListenerCount:
    """:ivar accepted: None when the agent does not count it
    :ivar refused: from outside the listener's allowed_cidrs
    """

    accepted: Count | None = None
    refused: Count = Count()


@dataclasses.dataclass(frozen=True)
class Counters:
    """:ivar named: count by name
    :ivar listeners: count by listener id
    """

    named: Mapping[str, Count] = dataclasses.field(default_factory=dict)
    listeners: Mapping[str, ListenerCount] = dataclasses.field(default_factory=dict)

    def drops(self) -> dict[str, Count]:
        """Dropped packets by reason: the counter's name without ``drop_``."""
        return {n.removeprefix(_DROP): c for n, c in self.named.items() if n.startswith(_DROP)}


def meaning(reason: str) -> str:
    """A drop reason in words; empty for one that only a newer agent knows."""
    return MEANINGS.get(_DROP + reason, "")


def parse(told: Any) -> Counters:
    """``counters`` of an answer, of either form that agents give.

    :raises ValueError: it is neither
    """
    whole = _mapping(told)
    old = {k: ListenerCount(None, _count(v)) for k, v in _mapping(whole.get("refused", {})).items()}
    new = {k: _listener(_mapping(v)) for k, v in _mapping(whole.get("listeners", {})).items()}
    named = {k: _count(v) for k, v in _mapping(whole.get("named", {})).items()}
    return Counters(named, old | new)


def _listener(told: Mapping[str, Any]) -> ListenerCount:
    accepted = told.get("accepted")
    return ListenerCount(
        None if accepted is None else _count(accepted), _count(told.get("refused", {}))
    )


def _count(told: Any) -> Count:
    found = [_mapping(told).get(name, 0) for name in ("packets", "bytes")]
    if not all(type(value) is int and value >= 0 for value in found):
        raise ValueError(f"{told!r} is no count")
    return Count(*found)


def _mapping(told: Any) -> Mapping[str, Any]:
    if not isinstance(told, Mapping) or not all(isinstance(key, str) for key in told):
        raise ValueError(f"{told!r} is no object")
    return told
