"""A heartbeat: what the amphora agent says of its listeners, pools and members. Pure.

Version 3 is understood: statistics are what was counted since the heartbeat before.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Mapping
from typing import Any

from sriov_provider.health import statuses
from sriov_provider.health.refused import RefusedError, Why
from sriov_provider.health.statuses import Observed

VERSION = 3
_ID = 36
_MOST = 2**62  # fits every database's integers, also when some are added up


@dataclasses.dataclass(frozen=True)
class Counted:
    """Of one listener; all but ``active`` since the heartbeat before.

    :ivar active: connections now
    """

    received: int = 0
    sent: int = 0
    total: int = 0
    errors: int = 0
    active: int = 0

    def __add__(self, later: Counted) -> Counted:
        return Counted(
            self.received + later.received,
            self.sent + later.sent,
            self.total + later.total,
            self.errors + later.errors,
            later.active,
        )

    @property
    def idle(self) -> bool:
        return not (self.received or self.sent or self.total or self.errors or self.active)


@dataclasses.dataclass(frozen=True)
class Beat:
    """One heartbeat.

    :ivar sequence: counted up by the agent, from 0 when it starts
    :ivar observed: what it says of its objects, in Octavia's words
    :ivar counted: by listener
    :ivar firewall: digest of the rules in force, from agents that tell
    """

    amphora_id: str
    sequence: int
    received_at: datetime.datetime
    observed: Observed
    counted: Mapping[str, Counted]
    firewall: str | None = None


def parse(text: bytes, received_at: datetime.datetime) -> Beat:
    """:raises RefusedError: MALFORMED or VERSION"""
    try:
        return build(json.loads(text), received_at)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise RefusedError(Why.MALFORMED) from None


def build(said: Any, received_at: datetime.datetime) -> Beat:
    """:param said: a heartbeat's JSON
    :raises RefusedError: VERSION
    :raises ValueError: or KeyError, TypeError, AttributeError: it is no heartbeat
    """
    if said["ver"] < VERSION:
        raise RefusedError(Why.VERSION)
    listeners, pools = said["listeners"], said["pools"]
    return Beat(
        amphora_id=_id(said["id"]),
        sequence=_number(said["seq"]),
        received_at=received_at,
        observed=statuses.observed(
            {_id(key): _text(value["status"]) for key, value in listeners.items()},
            {_pool(key): _members(value) for key, value in pools.items()},
        ),
        counted={key: _counted(value["stats"]) for key, value in listeners.items()},
        firewall=_optional(said.get("firewall")),
    )


def _pool(key: str) -> tuple[str, str]:
    """``POOL:LISTENER`` from haproxy, ``POOL`` from LVS."""
    pool, _, listener = key.partition(":")
    return _id(pool), listener


def _members(pool: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    members = {_id(key): _text(value) for key, value in pool["members"].items()}
    return _text(pool["status"]), members


def _counted(stats: Mapping[str, Any]) -> Counted:
    return Counted(
        _number(stats["rx"]),
        _number(stats["tx"]),
        _number(stats["totconns"]),
        _number(stats["ereq"]),
        _number(stats["conns"]),
    )


def _id(value: str) -> str:
    # Goes into the database, which does not take everything.
    if not (0 < len(_text(value)) <= _ID and value.isascii() and value.isprintable()):
        raise ValueError
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _number(value: Any) -> int:
    if type(value) is not int or not 0 <= value < _MOST:
        raise ValueError
    return value


def _optional(value: Any) -> str | None:
    return value if isinstance(value, str) and len(value) <= 128 else None
