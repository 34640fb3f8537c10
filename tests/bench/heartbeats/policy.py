"""What a look of the failover policy costs, and how many rows the database touches for it."""

from __future__ import annotations

import dataclasses
import datetime
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa

from sriov_provider.db import failovers, models
from sriov_provider.db.engine import Sessions
from sriov_provider.db.types import utcnow
from sriov_provider.health.policy import Rules
from tests.bench.load import filled

TABLES = (models.LoadBalancer, models.Amphora, models.Heartbeat, models.Health)
_REPEATS = 5


@dataclasses.dataclass(frozen=True)
class Look:
    """:ivar what: is the matter, or is looked for
    :ivar rows: that were touched
    """

    number: int
    what: str
    milliseconds: float
    rows: int


def looks(sessions: Sessions, numbers: list[int]) -> Iterator[Look]:
    """At each of these numbers of load balancers."""
    there = 0
    for number in numbers:
        filled.fill(sessions, range(there, number), only=TABLES)
        there = number
        for what, silent in (
            ("all is well", 0),
            ("one is silent", 1),
            ("1 % is silent", number // 100),
            ("all are silent", number),
        ):
            _silence(sessions, number, silent)
            yield _look(sessions, number, what, _view)
        yield _look(sessions, number, "never heard, or missing (once a minute)", failovers.suspects)


def _view(session: Any) -> object:
    now = utcnow()
    return failovers.view(session, now, now, Rules())


def _silence(sessions: Sessions, number: int, silent: int) -> None:
    """The others will have been heard until the bench is over."""
    beat, now = models.Heartbeat, utcnow()
    later, before = now + datetime.timedelta(hours=1), now - datetime.timedelta(hours=1)

    def write(session: Any) -> None:
        session.execute(sa.update(beat).values(received_at=later))
        for start in range(0, silent, 1000):
            ids = [filled.ident("amphora", n) for n in range(start, min(start + 1000, silent))]
            query = sa.update(beat).where(beat.amphora_id.in_(ids)).values(received_at=before)
            session.execute(query, execution_options={"synchronize_session": False})

    sessions.run(write)
    with sessions.engine.connect() as connection:
        connection.exec_driver_sql("ANALYZE TABLE heartbeat").all()


def _look(sessions: Sessions, number: int, what: str, read: Callable[[Any], object]) -> Look:
    times = []
    for _ in range(_REPEATS):
        begun = time.perf_counter()
        sessions.read(read)
        times.append(time.perf_counter() - begun)
    return Look(number, what, statistics.median(times) * 1000, sessions.read(_counted(read)))


def _counted(read: Callable[[Any], object]) -> Callable[[Any], int]:
    def touched(session: Any) -> int:
        rows = session.execute(sa.text("SHOW SESSION STATUS LIKE 'Handler_read%'"))
        return sum(int(value) for _, value in rows)

    def work(session: Any) -> int:
        before = touched(session)
        read(session)
        return touched(session) - before

    return work
