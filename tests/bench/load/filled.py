"""A database with many load balancers in it, written in bulk: what reads cost then."""

from __future__ import annotations

import datetime
import json
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from sriov_provider.db import models
from sriov_provider.db.engine import Sessions
from sriov_provider.db.types import utcnow

# Load balancers in one transaction.
CHUNK = 2000
# Jobs that a load balancer has behind it.
JOBS = 10

Row = dict[str, Any]
_SPACE = uuid.UUID(int=0)


def ident(kind: str, number: int) -> str:
    """The same for the same number, and in no order, as real ids are."""
    return str(uuid.uuid5(_SPACE, f"{kind}{number}"))


def fill(
    sessions: Sessions,
    numbers: range,
    heard: Callable[[int], float] = lambda _n: 5.0,
    only: Collection[type[models.Base]] | None = None,
) -> None:
    """Load balancers that serve: one amphora, listener, pool and member each.

    :param heard: how many seconds ago the amphora of each was heard
    :param only: tables; by default all
    """
    makers = {model: make for model, make in _MAKERS.items() if only is None or model in only}
    now = utcnow()
    for start in range(numbers.start, numbers.stop, CHUNK):
        some = range(start, min(start + CHUNK, numbers.stop))
        rows = {
            model: [row for n in some for row in make(n, now, heard(n))]
            for model, make in makers.items()
        }
        sessions.run(lambda session, rows=rows: _write(session, rows))
    with sessions.engine.connect() as connection:
        if connection.dialect.name in ("mysql", "mariadb"):
            names = ", ".join(table.name for table in models.Base.metadata.sorted_tables)
            connection.exec_driver_sql(f"ANALYZE TABLE {names}").all()


def _write(session: Any, rows: Mapping[Any, Sequence[Row]]) -> None:
    for model, some in rows.items():
        session.execute(sa.insert(model.__table__), some)


def _load_balancer(n: int, _now: datetime.datetime, _heard: float) -> Iterator[Row]:
    yield {
        "id": ident("lb", n),
        "project_id": uuid.UUID(int=n % 97).hex,
        "vip_address": f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}",
        "vip_port_id": ident("vip", n),
        "vip_subnet_id": ident("subnet", 0),
        "vip_network_id": ident("network", 0),
        "vnic_type": "direct",
        "topology": "SINGLE",
        "flavor": {"sriov_vip": True, "allow_member_sriov": True},
        "availability_zone": {},
        "additional_vips": [],
    }


def _amphora(n: int, now: datetime.datetime, _heard: float) -> Iterator[Row]:
    yield {
        "id": ident("amphora", n),
        "load_balancer_id": ident("lb", n),
        "state": "ready",
        "role": "STANDALONE",
        "compute_id": ident("server", n),
        "host": f"compute-{n % 500}",
        "management_ip": f"172.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}",
        "vrrp_ip": f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}",
        "vrrp_port_id": ident("port0", n),
        "certificate_expires": now + datetime.timedelta(days=30 + n % 700),
        "agent_version": "1.0",
        "firewall_digest": "0" * 64,
        "firewall_document": json.loads(DOCUMENT),
        "built_by": ident("job0", n),
    }


def _ports(n: int, _now: datetime.datetime, _heard: float) -> Iterator[Row]:
    for index, role in enumerate(("vip", "member")):
        yield {
            "id": ident(f"port{index}", n),
            "load_balancer_id": ident("lb", n),
            "amphora_id": ident("amphora", n),
            "network_id": ident("network", index),
            "role": role,
            "vnic_type": "direct",
            "state": "attached",
            "neutron_id": ident(f"neutron{index}", n),
            "mac": f"fa:16:{index:02x}:{n >> 16 & 255:02x}:{n >> 8 & 255:02x}:{n & 255:02x}",
            "filter": "amphora",
            "addresses": [[ident("subnet", index), "10.0.0.7"]],
            "vif_type": "hw_veb",
            "pci_slot": "0000:81:00.1",
        }


def _member(n: int, _now: datetime.datetime, _heard: float) -> Iterator[Row]:
    yield {
        "id": ident("member", n),
        "load_balancer_id": ident("lb", n),
        "pool_id": ident("pool", n),
        "address": "10.1.0.7",
        "subnet_id": ident("subnet", 1),
        "vnic_type": "direct",
        "network_id": ident("network", 1),
        "failed": False,
    }


def _children(n: int, _now: datetime.datetime, _heard: float) -> Iterator[Row]:
    parents = {"listener": "lb", "pool": "lb", "member": "pool"}
    for kind, parent in parents.items():
        yield {
            "id": ident(kind, n),
            "type": f"{kind}s",
            "load_balancer_id": ident("lb", n),
            "parent_id": ident(parent, n),
            "protocol": "HTTP",
        }


def _jobs(n: int, now: datetime.datetime, _heard: float) -> Iterator[Row]:
    ended = now - datetime.timedelta(days=n % 30, hours=1)
    for index in range(JOBS):
        action = "create" if index == 0 else "failover" if index == 9 else "update"
        yield {
            "id": ident(f"job{index}", n),
            "load_balancer_id": ident("lb", n),
            "action": action,
            "object_type": "loadbalancers",
            "object_id": ident("lb", n),
            "objects": [{"type": "loadbalancers", "id": ident("lb", n), "action": action,
                         "parent_id": None, "expected": {}}],
            "cascade_children": False,
            "state": "done",
            "attempt": 1,
            "placement": 0,
            "lease_owner": "worker:1",
            "created_at": ended,
            "finished_at": ended,
        }  # fmt: skip


def _heartbeat(n: int, now: datetime.datetime, heard: float) -> Iterator[Row]:
    yield {
        "amphora_id": ident("amphora", n),
        "load_balancer_id": ident("lb", n),
        "received_at": now - datetime.timedelta(seconds=heard),
        "sequence": 1000,
        "fingerprint": "0" * 40,
    }


def _health(n: int, _now: datetime.datetime, _heard: float) -> Iterator[Row]:
    told = {
        "listeners": {ident("listener", n): "ONLINE"},
        "pools": {ident("pool", n): "ONLINE"},
        "members": {ident("member", n): "ONLINE"},
    }
    yield {
        "load_balancer_id": ident("lb", n),
        "expected": {"enabled": True, "listeners": [ident("listener", n)]},
        "observed": {ident("amphora", n): told},
        "reported": {**told, "loadbalancers": {ident("lb", n): "ONLINE"}},
        "failovers": 0,
    }


def _statistics(n: int, _now: datetime.datetime, _heard: float) -> Iterator[Row]:
    yield {
        "listener_id": ident("listener", n),
        "amphora_id": ident("amphora", n),
        "load_balancer_id": ident("lb", n),
        "bytes_in": n * 1000,
        "bytes_out": n * 10000,
        "total_connections": n,
        "request_errors": 0,
        "active_connections": 0,
        "changed": False,
    }


def _firewall_check(n: int, now: datetime.datetime, _heard: float) -> Iterator[Row]:
    yield {
        "amphora_id": ident("amphora", n),
        "due_at": now + datetime.timedelta(seconds=3600 + n % 10),
        "checked_at": now,
        "failures": 0,
        "drifts": 0,
        "vanished": 0,
        "repairs": 0,
        "repairs_failed": 0,
    }


# About what two interfaces, a listener and two CIDRs give.
DOCUMENT = json.dumps(
    {
        "version": 1,
        "interfaces": [
            {"mac": "fa:16:3e:00:00:01", "role": "vip", "addresses": ["10.0.0.7"]},
            {"mac": "fa:16:3e:00:00:02", "role": "member", "addresses": ["10.1.0.7"]},
        ],
        "listeners": [
            {"id": str(_SPACE), "protocol": "tcp", "port": 80, "addresses": ["10.0.0.7"],
             "allowed": ["192.0.2.0/24", "198.51.100.0/24"]},
        ],
        "log": False,
    }
)  # fmt: skip
_MAKERS: dict[Any, Callable[[int, datetime.datetime, float], Iterator[Row]]] = {
    models.LoadBalancer: _load_balancer,
    models.Amphora: _amphora,
    models.Port: _ports,
    models.Member: _member,
    models.Child: _children,
    models.Job: _jobs,
    models.Heartbeat: _heartbeat,
    models.Health: _health,
    models.ListenerStatistics: _statistics,
    models.FirewallCheck: _firewall_check,
}
