"""Heartbeats on record. Everything is read and written for many amphorae at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from sriov_provider.db import models, upsert
from sriov_provider.health.judge import Known
from sriov_provider.records import AmphoraState


def known(session: Session, amphora_ids: Collection[str]) -> dict[str, Known]:
    """Those of these amphorae that are ours and not on their way out."""
    amphora, beat = models.Amphora, models.Heartbeat
    query = (
        sa.select(
            amphora.id,
            amphora.load_balancer_id,
            beat.received_at,
            sa.func.coalesce(beat.sequence, 0),
            beat.fingerprint,
        )
        .join(beat, beat.amphora_id == amphora.id, isouter=True)
        .where(amphora.id.in_(list(amphora_ids)), amphora.state != AmphoraState.RELEASING.value)
    )
    return {row[0]: Known(*row) for row in session.execute(query)}


def of_load_balancers(session: Session, load_balancer_ids: Collection[str]) -> tuple[Known, ...]:
    """The newest heartbeats of all their amphorae."""
    beat = models.Heartbeat
    columns = (
        beat.amphora_id,
        beat.load_balancer_id,
        beat.received_at,
        beat.sequence,
        beat.fingerprint,
    )
    query = sa.select(*columns).where(beat.load_balancer_id.in_(list(load_balancer_ids)))
    return tuple(Known(*row) for row in session.execute(query))


def save(session: Session, heard: Iterable[Known], *, marked: bool) -> None:
    """An older heartbeat never overwrites a newer one, whoever writes first.

    :param heard: with ``received_at``
    :param marked: write the fingerprints too; else they stay as they are
    :raises sqlalchemy.exc.IntegrityError: an amphora has gone meanwhile
    """
    names = ["amphora_id", "load_balancer_id", "received_at", "sequence"]
    names += ["fingerprint"] if marked else []
    ordered = sorted(heard, key=lambda k: k.amphora_id)  # nobody waits in a circle
    rows = [{name: getattr(one, name) for name in names} for one in ordered]
    changes = {name: _unless_older(name) for name in reversed(names[2:])}
    upsert.run(session, models.Heartbeat, rows, changes)


def _unless_older(name: str) -> upsert.Change:
    def change(old: Any, given: Any) -> Any:
        return sa.case((given.received_at >= old.received_at, given[name]), else_=old[name])

    return change
