"""Amphorae as an operator looks at them: of all load balancers, with what was heard of them."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from sriov_provider.db import models
from sriov_provider.db.inventory import read
from sriov_provider.records import Inventory


@dataclasses.dataclass(frozen=True)
class Seen:
    """:ivar heartbeat: when the newest one was received
    :ivar firewall_checked: when its agent was last asked for its firewall, and answered
    :ivar ports: how many are on record
    """

    id: str
    load_balancer_id: str
    role: str
    state: str
    compute_id: str | None
    host: str | None
    management_ip: str | None
    vrrp_ip: str | None
    certificate_expires: datetime.datetime | None
    agent_version: str | None
    firewall_digest: str | None
    heartbeat: datetime.datetime | None
    firewall_checked: datetime.datetime | None
    ports: int


def amphorae(
    session: Session,
    load_balancer_id: str | None = None,
    host: str | None = None,
    amphora_id: str | None = None,
) -> tuple[Seen, ...]:
    """In the order of load balancers.

    :param host: compute host they are on
    """
    amphora, beat, check = models.Amphora, models.Heartbeat, models.FirewallCheck
    ports = sa.select(sa.func.count()).where(models.Port.amphora_id == amphora.id).scalar_subquery()
    names = [field.name for field in dataclasses.fields(Seen)][:11]
    columns: list[Any] = [getattr(amphora, name) for name in names]
    query = (
        sa.select(*columns, beat.received_at, check.checked_at, ports)
        .join(beat, beat.amphora_id == amphora.id, isouter=True)
        .join(check, check.amphora_id == amphora.id, isouter=True)
        .order_by(amphora.load_balancer_id, amphora.role, amphora.id)
    )
    wanted = (
        (amphora.load_balancer_id, load_balancer_id),
        (amphora.host, host),
        (amphora.id, amphora_id),
    )
    for column, value in wanted:
        if value is not None:
            query = query.where(column == value)
    return tuple(Seen(*tuple(row)) for row in session.execute(query))


def one(session: Session, amphora_id: str) -> tuple[Seen, Inventory] | None:
    """An amphora and its load balancer's inventory; None when it is not on record."""
    found = amphorae(session, amphora_id=amphora_id)
    return (found[0], read(session, found[0].load_balancer_id)) if found else None
