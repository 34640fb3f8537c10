"""What we hold for a load balancer: read as one :class:`Inventory`, written record by record.

The rows of a load balancer are only written by the worker that holds its job, which the caller
sees to (:func:`.jobs.fence`): nothing here locks or compares.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from sriov_provider.db import firewall_checks, models, reasons
from sriov_provider.db.types import utcnow
from sriov_provider.records import (
    AmphoraRecord,
    AmphoraState,
    Inventory,
    LoadBalancerRecord,
    MemberRecord,
    ObjectType,
    PortRecord,
    PortRole,
    PortState,
)
from sriov_provider.vnic import Filter

Record = LoadBalancerRecord | AmphoraRecord | PortRecord | MemberRecord
R = TypeVar("R", LoadBalancerRecord, AmphoraRecord, PortRecord, MemberRecord)


def _pairs(value: list[list[str]]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(pair) for pair in value)


_MODELS: dict[type, type[models.Base]] = {
    LoadBalancerRecord: models.LoadBalancer,
    AmphoraRecord: models.Amphora,
    PortRecord: models.Port,
    MemberRecord: models.Member,
}
_FROM_ROW: dict[type, dict[str, Any]] = {
    LoadBalancerRecord: {"additional_vips": tuple},
    AmphoraRecord: {"state": AmphoraState},
    PortRecord: {"role": PortRole, "state": PortState, "filter": Filter, "addresses": _pairs},
    MemberRecord: {},
}


def read(session: Session, load_balancer_id: str) -> Inventory:
    """Everything held for a load balancer; empty when nothing is."""
    row = session.get(models.LoadBalancer, load_balancer_id)
    members = _of_load_balancer(session, MemberRecord, models.Member, load_balancer_id)
    return Inventory(
        load_balancer=None if row is None else _record(LoadBalancerRecord, row),
        amphorae=_of_load_balancer(session, AmphoraRecord, models.Amphora, load_balancer_id),
        ports=_of_load_balancer(session, PortRecord, models.Port, load_balancer_id),
        members=members,
        reasons=reasons.latest_of(session, ObjectType.MEMBER, [m.id for m in members if m.failed]),
    )


def save_load_balancer(session: Session, record: LoadBalancerRecord) -> None:
    """Insert or replace."""
    _save(session, record)


def save_amphora(session: Session, record: AmphoraRecord) -> None:
    """Insert or replace; the load balancer's row must be there."""
    row = session.get(models.Amphora, record.id)
    had_rules = row is not None and row.firewall_document is not None
    _save(session, record)
    if record.firewall_document is not None and not had_rules:
        firewall_checks.expect(session, record.id, utcnow())


def save_port(session: Session, record: PortRecord) -> None:
    """Insert or replace."""
    _save(session, record)


def replace_members(
    session: Session, load_balancer_id: str, members: tuple[MemberRecord, ...]
) -> None:
    """Make these the only members of a load balancer."""
    kept = [member.id for member in members]
    session.execute(
        sa.delete(models.Member).where(
            models.Member.load_balancer_id == load_balancer_id, models.Member.id.not_in(kept)
        )
    )
    for member in members:
        _save(session, member)


def delete_amphora(session: Session, amphora_id: str) -> None:
    """Delete the row, if there is one."""
    session.execute(sa.delete(models.Amphora).where(models.Amphora.id == amphora_id))


def delete_port(session: Session, row_id: str) -> None:
    """Delete the row, if there is one."""
    session.execute(sa.delete(models.Port).where(models.Port.id == row_id))


def delete_load_balancer(session: Session, load_balancer_id: str) -> None:
    """Delete everything of a load balancer, but its jobs, outbox rows and leaked ports.

    A leaked port still exists in Neutron: its row stays until the port is gone.
    """
    leaked = models.Port.state == PortState.LEAKED.value
    children: tuple[Any, ...] = (
        models.Member,
        models.Amphora,
        models.Heartbeat,
        models.Reason,
        models.Child,
    )
    session.execute(
        sa.delete(models.Port).where(models.Port.load_balancer_id == load_balancer_id, ~leaked)
    )
    for model in children:
        session.execute(sa.delete(model).where(model.load_balancer_id == load_balancer_id))
    session.execute(
        sa.delete(models.LoadBalancer).where(models.LoadBalancer.id == load_balancer_id)
    )


def _save(session: Session, record: Record) -> None:
    session.merge(_MODELS[type(record)](**_values(record)))
    session.flush()


def _of_load_balancer(
    session: Session, record: type[R], model: Any, load_balancer_id: str
) -> tuple[R, ...]:
    query = sa.select(model).where(model.load_balancer_id == load_balancer_id).order_by(model.id)
    return tuple(_record(record, row) for row in session.scalars(query))


def _record(kind: type[R], row: Any) -> R:
    convert = _FROM_ROW[kind]
    names = (field.name for field in dataclasses.fields(kind))
    return kind(**{n: convert.get(n, _same)(getattr(row, n)) for n in names})


def _same(value: Any) -> Any:
    return value


def _values(record: Record) -> dict[str, Any]:
    names = (field.name for field in dataclasses.fields(record))
    return {name: _plain(getattr(record, name)) for name in names}


def _plain(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value
