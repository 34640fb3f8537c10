"""Jobs whose objects Octavia does not show yet, on every supported database."""

from __future__ import annotations

import dataclasses
import datetime

import pytest

from sriov_provider.db import jobs
from sriov_provider.db.engine import Sessions
from sriov_provider.errors import Code, ProviderError
from sriov_provider.records import Action, Job, JobState, ObjectType

NOW = datetime.datetime(2030, 1, 1, 12, tzinfo=datetime.timezone.utc)
FIRST = Job("first", "lb", Action.CREATE, ObjectType.LISTENER, "listener")


def after(seconds: float) -> datetime.datetime:
    return NOW + datetime.timedelta(seconds=seconds)


def enqueue(sessions: Sessions, job: Job, seconds: float = 0.0) -> Job:
    return sessions.run(lambda session: jobs.enqueue(session, job, after(seconds)))


def claim(sessions: Sessions, seconds: float) -> Job | None:
    return jobs.claim(sessions, "worker", 30, now=after(seconds))


def overtaken(sessions: Sessions, job: Job, seconds: float) -> bool:
    return sessions.read(lambda session: jobs.overtaken(session, job, after(seconds)))


def test_a_run_that_is_put_back_does_not_count(sessions: Sessions) -> None:
    enqueue(sessions, FIRST)
    for look in range(5):
        job = claim(sessions, 20 * look)
        assert job is not None
        assert job.attempt == 1
        back = sessions.run(lambda s, j=job, n=look: jobs.put_back(s, j, 10, after(20 * n)))  # type: ignore[misc]
        assert (back.attempt, back.state) == (0, JobState.PENDING)
        assert claim(sessions, 20 * look + 9) is None


def test_who_has_lost_the_job_cannot_put_it_back(sessions: Sessions) -> None:
    enqueue(sessions, FIRST)
    job = claim(sessions, 0)
    assert job is not None
    assert claim(sessions, 60) is not None
    with pytest.raises(ProviderError) as caught:
        sessions.run(lambda session: jobs.put_back(session, job, 10))
    assert caught.value.reason.code is Code.LEASE_LOST
    stored = sessions.read(lambda session: jobs.get(session, "first"))
    assert stored is not None
    assert stored.attempt == 2


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, True),
        ({"action": Action.DELETE}, True),
        ({"action": Action.REPAIR, "object_type": ObjectType.AMPHORA}, False),
        ({"action": Action.FAILOVER, "object_type": ObjectType.LOADBALANCER}, False),
        ({"load_balancer_id": "other"}, False),
    ],
)
def test_a_later_request_overtakes(
    sessions: Sessions, changes: dict[str, object], wanted: bool
) -> None:
    first = enqueue(sessions, FIRST)
    assert not overtaken(sessions, first, 60)
    later = Job("second", "lb", Action.UPDATE, ObjectType.LISTENER, "listener")
    enqueue(sessions, dataclasses.replace(later, **changes), 5)  # type: ignore[arg-type]
    assert overtaken(sessions, first, 10) is wanted
    assert not overtaken(sessions, first, 4)


def test_an_earlier_request_does_not_overtake(sessions: Sessions) -> None:
    enqueue(sessions, FIRST)
    second = enqueue(sessions, dataclasses.replace(FIRST, id="second"), 5)
    assert not overtaken(sessions, second, 60)
