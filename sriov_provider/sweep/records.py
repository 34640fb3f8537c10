"""What our tables say of what is in the cloud; and the rows of ports that are leaked."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from sriov_provider import vnic
from sriov_provider.db import inventory, jobs, models
from sriov_provider.records import PortRecord, PortRole, PortState
from sriov_provider.sweep.model import Found, Held, Kind, Known
from sriov_provider.worker import plan, plan_amphora

_LEAKED = PortState.LEAKED.value
_PORT = re.compile(r"octavia-lb-(vrrp|member)-([0-9a-f-]{36})")


def read(
    session: Session, load_balancer_id: str | None = None, random_name_length: int = 0
) -> Known:
    """Of all load balancers, or of one.

    :param random_name_length: ``[nova] random_amphora_name_length``
    """
    balancers = _rows(session, models.LoadBalancer, models.LoadBalancer.id, load_balancer_id)
    amphorae = _of(session, models.Amphora, load_balancer_id)
    ports = _of(session, models.Port, load_balancer_id)
    ended, busy = _jobs(session, load_balancer_id)
    return Known(
        held=(
            *(held for row in balancers for held in _groups(row)),
            *(_server(row, random_name_length) for row in amphorae),
            *(_port(row) for row in ports if row.state != _LEAKED),
        ),
        balancers=frozenset(row.id for row in balancers),
        busy=busy,
        ended=ended,
        given_up=frozenset(p.neutron_id for p in ports if p.state == _LEAKED and p.neutron_id),
    )


def _of(session: Session, model: Any, load_balancer_id: str | None) -> list[Any]:
    return _rows(session, model, model.load_balancer_id, load_balancer_id)


def _rows(session: Session, model: Any, column: Any, load_balancer_id: str | None) -> list[Any]:
    query = sa.select(model)
    if model is models.Amphora:  # without the rule document, which may be big
        query = sa.select(model.id, model.load_balancer_id, model.compute_id)
    if load_balancer_id is not None:
        query = query.where(column == load_balancer_id)
    if model is models.Amphora:
        return list(session.execute(query))
    return list(session.scalars(query))


def _jobs(session: Session, load_balancer_id: str | None) -> tuple[dict[str, Any], frozenset[str]]:
    job = models.Job
    done = sa.case((job.state.in_(jobs.UNFINISHED), 0), else_=1)
    query = sa.select(
        job.load_balancer_id,
        sa.func.max(sa.func.coalesce(job.finished_at, job.created_at), type_=job.created_at.type),
        sa.func.min(done),
    ).group_by(job.load_balancer_id)
    if load_balancer_id is not None:
        query = query.where(job.load_balancer_id == load_balancer_id)
    found = [tuple(row) for row in session.execute(query)]
    return {i: time for i, time, _ in found}, frozenset(i for i, _, ended in found if not ended)


def _groups(row: models.LoadBalancer) -> Iterator[Held]:
    yield Held(Kind.SECURITY_GROUP, row.security_group_id, plan.group_name(row.id), row.id)
    yield Held(Kind.SERVER_GROUP, row.server_group_id, f"octavia-lb-{row.id}", row.id)


def _server(row: Any, random_name_length: int) -> Held:
    name = plan_amphora.server_name(row.id, random_name_length)
    return Held(Kind.SERVER, row.compute_id, name, row.load_balancer_id)


def _port(row: models.Port) -> Held:
    record = PortRecord(
        *(row.id, row.load_balancer_id, row.amphora_id, row.network_id),
        role=PortRole(row.role),
        vnic_type=row.vnic_type,
    )
    return Held(Kind.PORT, row.neutron_id, plan_amphora.port_name(record), row.load_balancer_id)


def give_up(session: Session, one: Found) -> None:
    """A port could not be released: on record as leaked, so that what it holds is counted."""
    port, name = one.port, _PORT.match(one.name)
    if port is None or _leaked(session, one.id):
        return
    record = PortRecord(
        id=str(uuid.uuid4()),
        load_balancer_id=one.load_balancer_id or "",
        amphora_id=name[2] if name else "",
        network_id=port.network_id,
        role=PortRole.VIP if name and name[1] == "vrrp" else PortRole.MEMBER,
        vnic_type=port.vnic_type,
        state=PortState.LEAKED,
        neutron_id=one.id,
        mac=port.mac,
        filter=vnic.Filter.UNKNOWN,
        addresses=tuple((ip.subnet_id, ip.address) for ip in port.fixed_ips),
        vif_type=port.vif_type or None,
        pci_slot=port.pci_slot,
    )
    inventory.save_port(session, record)


def forget(session: Session, neutron_id: str) -> None:
    """A leaked port is gone."""
    port = models.Port
    query = sa.delete(port).where(port.neutron_id == neutron_id, port.state == _LEAKED)
    jobs.changed(session, query)


def _leaked(session: Session, neutron_id: str) -> bool:
    port = models.Port
    query = sa.select(port.id).where(port.neutron_id == neutron_id, port.state == _LEAKED)
    return session.execute(query).first() is not None
