"""Housekeeping that one worker at a time does: who does it now, and what came of it last.

A chore is claimed by moving ``due_at`` into the future, with the old time in the WHERE. One whose
worker died over it becomes due again.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from sriov_provider.db import jobs, models
from sriov_provider.db.engine import Sessions


@dataclasses.dataclass(frozen=True)
class Result:
    """What came of a chore."""

    ended_at: datetime.datetime
    found: Mapping[str, Any]


def take(sessions: Sessions, name: str, now: datetime.datetime, until: datetime.datetime) -> bool:
    """Claim a chore that is due, until then; one that was never done is due.

    :raises ProviderError: DATABASE
    """
    chore = models.Chore
    due = sessions.read(lambda s: s.scalar(sa.select(chore.due_at).where(chore.name == name)))
    if due is not None and due > now:
        return False
    if due is None:
        try:
            sessions.run(lambda s: _insert(s, name, until))
        except IntegrityError:  # another worker was first
            return False
        return True
    query = sa.update(chore).where(chore.name == name, chore.due_at == due).values(due_at=until)
    return sessions.run(lambda s: jobs.changed(s, query)) == 1


def _insert(session: Session, name: str, until: datetime.datetime) -> None:
    session.execute(sa.insert(models.Chore).values(name=name, due_at=until))


def settle(
    session: Session,
    name: str,
    due_at: datetime.datetime,
    now: datetime.datetime,
    found: Mapping[str, Any] | None,
) -> None:
    """A chore is done.

    :param due_at: of the next time
    :param found: None when it could not be done: what was found last stays
    """
    chore = models.Chore
    values: dict[str, Any] = {"due_at": due_at}
    if found is not None:
        values |= {"ended_at": now, "result": dict(found)}
    jobs.changed(session, sa.update(chore).where(chore.name == name).values(values))


def results(session: Session) -> dict[str, Result]:
    """Of those that were done, by name."""
    chore = models.Chore
    query = sa.select(chore.name, chore.ended_at, chore.result).where(chore.ended_at.is_not(None))
    return {name: Result(time, found or {}) for name, time, found in session.execute(query)}
