"""What workers and health managers read again and again costs the same however many load balancers
there are: rows that the database touches, as MariaDB counts them."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from sriov_provider.db import (
    failovers,
    firewall_checks,
    heartbeats,
    inventory,
    jobs,
    outbox,
    renewals,
    statistics,
)
from sriov_provider.db.engine import Sessions
from sriov_provider.db.types import utcnow
from sriov_provider.health.policy import Rules
from sriov_provider.records import Action, Job, ObjectType
from tests.bench.load import filled

FEW, MANY = 100, 800
WAITING = 60
# Only MariaDB tells how many rows it has touched.
pytestmark = pytest.mark.parametrize("url", ["mariadb"], indirect=True)
_LONG_AGO = datetime.timedelta(days=400)


def _touched(session: Session) -> int:
    rows = session.execute(sa.text("SHOW SESSION STATUS LIKE 'Handler_read%'"))
    return sum(int(value) for _, value in rows)


def _reads(now: datetime.datetime) -> dict[str, Callable[[Session], Any]]:
    """By name: what is read in every round, or at every operation."""
    lb, amphora = filled.ident("lb", 0), filled.ident("amphora", 0)
    return {
        "jobs to be run": lambda s: jobs._claimable(s, now, None),
        "jobs to be forgotten": lambda s: jobs.purge(s, now - _LONG_AGO, 100),
        "statuses to be told": lambda s: outbox._claimable(s, now, None),
        "statistics to be told": lambda s: statistics.waiting(s, now, 60),
        "firewalls to be looked at": lambda s: firewall_checks.due(s, now, 32),
        "silent amphorae": lambda s: failovers.view(s, now, now, Rules()),
        "certificates that end": lambda s: renewals.due(s, now, now, 16),
        "heartbeats on record": lambda s: heartbeats.known(s, [amphora]),
        "all of a load balancer": lambda s: inventory.read(s, lb),
    }


def _costs(sessions: Sessions) -> dict[str, int]:
    """Rows touched by each read."""

    def cost(read: Callable[[Session], Any]) -> int:
        def counted(session: Session) -> int:
            before = _touched(session)
            read(session)
            return _touched(session) - before

        return sessions.run(counted)

    return {name: cost(read) for name, read in _reads(utcnow()).items()}


def _wait(session: Session, number: int) -> None:
    """Load balancers with a job that waits."""
    for n in range(number):
        lb = filled.ident("lb", n)
        jobs.enqueue(session, Job(str(uuid.uuid4()), lb, Action.UPDATE, ObjectType.LISTENER, lb))


def test_reads_do_not_grow(sessions: Sessions) -> None:
    # One is silent, so that the policy looks at all it may need to know.
    filled.fill(sessions, range(FEW), heard=lambda n: 5.0 if n else 100.0)
    sessions.run(lambda s: _wait(s, WAITING))
    few = _costs(sessions)
    filled.fill(sessions, range(FEW, MANY))
    many = _costs(sessions)
    grown = {name: (few[name], cost) for name, cost in many.items() if cost > few[name] + 40}
    assert grown == {}
    assert max(many.values()) < MANY


def test_a_claim_reads_the_oldest_jobs_only(sessions: Sessions) -> None:
    """Their load balancers' histories among it: here of ten jobs each."""
    filled.fill(sessions, range(MANY))
    sessions.run(lambda s: _wait(s, MANY))
    assert _costs(sessions)["jobs to be run"] < 2 * jobs.CANDIDATES * filled.JOBS


def test_an_outage_is_looked_at_in_part(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failovers, "MOST", 20)
    filled.fill(sessions, range(FEW), heard=lambda n: 5.0 if n < 10 else 100.0 + n)
    now = utcnow()
    seen = sessions.read(lambda s: failovers.view(s, now, now, Rules()))
    assert (len(seen.serving), sum(seen.quiet.values())) == (20, FEW - 10)
    assert sum(seen.heard.values()) == FEW
    longest = {filled.ident("amphora", n) for n in range(FEW - 20, FEW)}
    assert {a.amphora_id for a in seen.serving} == longest
