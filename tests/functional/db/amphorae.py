"""Load balancers with amphorae on record, for tests about their heartbeats."""

from __future__ import annotations

import dataclasses
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from sriov_provider.db import children, inventory, models, outbox
from sriov_provider.db.engine import Sessions
from sriov_provider.records import (
    AmphoraRecord,
    AmphoraState,
    ChildRecord,
    LoadBalancerRecord,
    ObjectType,
)

CHILDREN = (
    ("listener", ObjectType.LISTENER),
    ("pool", ObjectType.POOL),
    ("member", ObjectType.MEMBER),
)


def fill(
    sessions: Sessions,
    load_balancer_id: str = "lb",
    amphorae: tuple[str, ...] = ("amp",),
    suffix: str = "",
    topology: str = "SINGLE",
    **values: Any,
) -> None:
    """A load balancer with a listener, a pool and a member, and amphorae that are ready.

    :param suffix: of the ids of its objects
    :param values: of the amphorae
    """
    lb = LoadBalancerRecord(
        load_balancer_id, "project", "192.0.2.1", "vip", "s", "net", topology=topology
    )
    known = [ChildRecord(n + suffix, kind, lb.id, lb.id) for n, kind in CHILDREN]
    sessions.run(lambda s: inventory.save_load_balancer(s, lb))
    sessions.run(lambda s: children.save(s, known))
    for name in amphorae:
        record = dataclasses.replace(AmphoraRecord(name, lb.id, AmphoraState.READY), **values)
        sessions.run(lambda s, r=record: inventory.save_amphora(s, r))  # type: ignore[misc]


def told(sessions: Sessions) -> list[dict[str, str]]:
    """What waits for Octavia, each batch as ``{id: operating status}``; taken away."""
    found = []
    while batch := outbox.claim(sessions, "test", 60):
        found.append(
            {e["id"]: e["operating_status"] for group in batch.statuses.values() for e in group}
        )
        sessions.run(lambda s, b=batch: outbox.delivered(s, b))  # type: ignore[misc]
    return found


def rows(sessions: Sessions, model: type[models.Base]) -> list[Any]:
    return list(sessions.read(lambda s: list(s.scalars(sa.select(model)))))


class Queries:
    """Counts the statements of one engine."""

    def __init__(self, sessions: Sessions) -> None:
        self.number = 0
        event.listen(sessions.engine, "before_cursor_execute", self._count)

    def _count(self, *_: object) -> None:
        self.number += 1
