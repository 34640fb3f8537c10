"""Our side: receiver and writer as the health manager runs them, on the provider's database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from sriov_provider.db import migrate, models
from sriov_provider.db.engine import Sessions
from sriov_provider.health.counts import Counts
from sriov_provider.health.receiver import Receiver
from sriov_provider.health.writer import Writer
from sriov_provider.status.statistics import Statistics
from tests.bench.heartbeats.messages import KEY, Shape, ident

_BALANCER: dict[str, Any] = {
    **dict.fromkeys(("project_id", "vip_port_id", "vip_subnet_id", "vip_network_id"), "some"),
    **{"vip_address": "192.0.2.1", "vnic_type": "direct", "topology": "SINGLE"},
    **{"flavor": {}, "availability_zone": {}, "additional_vips": []},
}


class Ours:
    """:ivar sessions: of the provider's database"""

    def __init__(self, url: str) -> None:
        migrate.upgrade(url)
        self.sessions = Sessions(url)
        self._receiver = Receiver((), KEY, Counts())
        self._writer = Writer(self.sessions, 60)

    def fill(self, shape: Shape) -> None:
        """These load balancers are on record."""
        balancers = [(n, ident("lb", n)) for n in shape.balancers]
        rows: dict[Any, list[dict[str, Any]]] = {
            models.LoadBalancer: [{"id": lb, **_BALANCER} for _, lb in balancers],
            models.Amphora: [
                {"id": ident("amphora", n), "load_balancer_id": lb, "state": "ready", "role": ""}
                for n, lb in balancers
            ],
            models.Child: [row for n, lb in balancers for row in _children(shape, n, lb)],
        }

        def write(session: sa.orm.Session) -> None:
            for model, some in rows.items():
                session.execute(sa.insert(model.__table__), some)

        self.sessions.run(write)

    def hear(self, datagrams: list[bytes], batch: int) -> None:
        """:param batch: how many are written at once: what is heard in a second"""
        for start in range(0, len(datagrams), batch):
            some = datagrams[start : start + batch]
            for datagram in some:
                self._receiver.hear(datagram)
            written = self._writer.write(self._receiver.take())
            if written.accepted != len(some):
                raise RuntimeError(f"not all were accepted: {written}")

    def told(self) -> list[dict[str, object]]:
        """What a worker hands to the driver-agent afterwards: statistics of listeners. Statuses
        are forgotten, they are few."""
        found: list[dict[str, object]] = []
        Statistics(self.sessions, lambda told: found.append(told)).deliver_pending()
        self.sessions.run(lambda s: s.execute(sa.delete(models.Outbox)))
        return found


def _children(shape: Shape, n: int, lb: str) -> Iterator[dict[str, Any]]:
    for m in range(shape.listeners):
        pool = ident("pool", n, m)
        yield _child(ident("listener", n, m), "listeners", lb, lb)
        yield _child(pool, "pools", lb, lb)
        for k in range(shape.members):
            yield _child(ident("member", n, m, k), "members", lb, pool)


def _child(name: str, kind: str, lb: str, parent: str) -> dict[str, Any]:
    return {"id": name, "type": kind, "load_balancer_id": lb, "parent_id": parent}
