"""Heartbeats for tests."""

from __future__ import annotations

import datetime
from typing import Any

from sriov_provider.health import message
from sriov_provider.health.message import Beat

NOW = datetime.datetime(2030, 1, 1, 12, tzinfo=datetime.timezone.utc)


def after(seconds: float) -> datetime.datetime:
    return NOW + datetime.timedelta(seconds=seconds)


def stats(**values: int) -> dict[str, int]:
    return {"tx": 0, "rx": 0, "conns": 0, "totconns": 0, "ereq": 0} | values


def said(amphora_id: str = "amp", sequence: int = 0, **values: Any) -> dict[str, Any]:
    """As an agent says it: one listener, one pool, members as given."""
    members = values.pop("members", {"member": "UP"})
    pool = {"status": values.pop("pool", "UP"), "members": members}
    listener = {"status": values.pop("listener", "OPEN"), "stats": values.pop("stats", stats())}
    return {
        "id": amphora_id,
        "seq": sequence,
        "ver": 3,
        "listeners": {"listener": listener},
        "pools": {"pool:listener": pool},
    } | values


def beat(amphora_id: str = "amp", sequence: int = 0, seconds: float = 0.0, **values: Any) -> Beat:
    """:param seconds: after NOW"""
    return message.build(said(amphora_id, sequence, **values), after(seconds))
