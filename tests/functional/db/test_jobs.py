"""The job queue on every supported database, with real competition."""

from __future__ import annotations

import concurrent.futures
import datetime
import multiprocessing
import threading
import time
import uuid
from collections import Counter

import pytest

from sriov_provider.db import jobs
from sriov_provider.db.engine import Sessions
from sriov_provider.db.retention import INTERVAL, Retention
from sriov_provider.db.types import utcnow
from sriov_provider.errors import Code, ProviderError
from sriov_provider.records import Action, Job, JobState, ObjectRef, ObjectType

LEASE = 30.0


def _job(load_balancer_id: str | None = None) -> Job:
    lb = load_balancer_id or str(uuid.uuid4())
    listener = str(uuid.uuid4())
    ref = ObjectRef(ObjectType.LISTENER, listener, Action.CREATE, lb, {"protocol_port": 80})
    return Job(str(uuid.uuid4()), lb, Action.CREATE, ObjectType.LISTENER, listener, (ref,))


def _enqueue(sessions: Sessions, *new: Job) -> None:
    for job in new:
        sessions.run(lambda session, job=job: jobs.enqueue(session, job))  # type: ignore[misc]


def _claim(sessions: Sessions, **options: object) -> Job | None:
    return jobs.claim(sessions, "worker", LEASE, **options)  # type: ignore[arg-type]


def _taken(sessions: Sessions, **options: object) -> Job:
    job = _claim(sessions, **options)
    assert job is not None
    return job


def test_a_job_comes_back_as_it_was_written(sessions: Sessions) -> None:
    job = _job()
    _enqueue(sessions, job, job)
    claimed = _taken(sessions)
    assert (claimed.id, claimed.objects, claimed.cascade) == (job.id, job.objects, False)
    assert (claimed.state, claimed.attempt) == (JobState.RUNNING, 1)
    stored = sessions.read(lambda session: jobs.get(session, job.id))
    assert stored == claimed
    assert _claim(sessions) is None


def test_jobs_of_one_load_balancer_run_in_order(sessions: Sessions) -> None:
    first, second = _job("lb"), _job("lb")
    other = _job()
    _enqueue(sessions, first, second, other)
    assert _claim(sessions, job_id=second.id) is None
    running = _taken(sessions)
    assert running.id == first.id
    assert _taken(sessions).id == other.id
    assert _claim(sessions) is None
    sessions.run(lambda session: jobs.finish(session, running, JobState.FAILED))
    assert _taken(sessions, job_id=second.id).id == second.id


def test_a_released_job_waits_and_keeps_its_turn(sessions: Sessions) -> None:
    first, second = _job("lb"), _job("lb")
    _enqueue(sessions, first, second)
    running = _taken(sessions)
    sessions.run(lambda session: jobs.release(session, running, delay=60.0))
    assert _claim(sessions) is None
    later = utcnow() + datetime.timedelta(seconds=61)
    again = _taken(sessions, now=later)
    assert (again.id, again.attempt) == (first.id, 2)


def test_an_expired_lease_is_taken_over_and_its_owner_shut_out(sessions: Sessions) -> None:
    _enqueue(sessions, _job())
    stale = _taken(sessions)
    renewed = sessions.run(lambda session: jobs.renew(session, stale, LEASE))
    assert renewed.lease_expires is not None
    just_before = renewed.lease_expires - datetime.timedelta(seconds=1)
    assert _claim(sessions, now=just_before) is None
    heir = _taken(sessions, now=renewed.lease_expires)
    assert heir.attempt == 2
    for attempt in (
        lambda session: jobs.finish(session, stale, JobState.DONE),
        lambda session: jobs.renew(session, stale, LEASE),
        lambda session: jobs.release(session, stale),
    ):
        with pytest.raises(ProviderError) as raised:
            sessions.run(attempt)
        assert raised.value.reason.code is Code.LEASE_LOST
    assert sessions.run(lambda session: jobs.finish(session, heir, JobState.DONE))


def test_where_a_job_found_no_vf_is_kept_for_its_next_run(sessions: Sessions) -> None:
    _enqueue(sessions, _job())
    job = _taken(sessions)
    once = sessions.run(lambda session: jobs.place_elsewhere(session, job, ("node1",)))
    twice = sessions.run(lambda session: jobs.place_elsewhere(session, once, ("node1", "node2")))
    assert (twice.placement, twice.hosts_tried) == (2, ("node1", "node2"))
    sessions.run(lambda session: jobs.release(session, twice))
    again = _taken(sessions)
    assert (again.attempt, again.placement, again.hosts_tried) == (2, 2, ("node1", "node2"))
    with pytest.raises(ProviderError) as raised:
        sessions.run(lambda session: jobs.place_elsewhere(session, twice, ()))
    assert raised.value.reason.code is Code.LEASE_LOST


def test_finishing_twice_is_told_apart_from_losing_the_lease(sessions: Sessions) -> None:
    _enqueue(sessions, _job())
    job = _taken(sessions)
    assert sessions.run(lambda session: jobs.finish(session, job, JobState.DONE)) is True
    assert sessions.run(lambda session: jobs.finish(session, job, JobState.DONE)) is False
    with pytest.raises(ProviderError):
        sessions.run(lambda session: jobs.finish(session, job, JobState.FAILED))


def test_purge_forgets_only_old_finished_jobs(sessions: Sessions) -> None:
    _enqueue(sessions, _job(), _job())
    job = _taken(sessions)
    sessions.run(lambda session: jobs.finish(session, job, JobState.DONE))
    past = utcnow() - datetime.timedelta(hours=1)
    future = utcnow() + datetime.timedelta(hours=1)
    assert sessions.run(lambda session: jobs.purge(session, past, 10)) == 0
    assert sessions.run(lambda session: jobs.purge(session, future, 10)) == 1
    assert _claim(sessions) is not None


def test_ended_jobs_are_kept_for_a_while(sessions: Sessions) -> None:
    _enqueue(sessions, _job(), _job())
    job = _taken(sessions)
    ended = utcnow() - datetime.timedelta(seconds=90)
    sessions.run(lambda session: jobs.finish(session, job, JobState.DONE, ended))
    now = [0.0]
    assert Retention(sessions, 0).purge_when_due() == 0
    assert Retention(sessions, 100).purge_when_due() == 0
    retention = Retention(sessions, 80, clock=lambda: now[0])
    assert retention.purge_when_due() == 1
    other = _taken(sessions)
    sessions.run(lambda session: jobs.finish(session, other, JobState.DONE, ended))
    now[0] = INTERVAL - 1
    assert retention.purge_when_due() == 0
    now[0] = INTERVAL
    assert retention.purge_when_due() == 1


def test_the_database_refuses_a_second_running_job(sessions: Sessions) -> None:
    """Even if a worker is told that a later job is next, as when it read an old snapshot."""
    first, second = _job("lb"), _job("lb")
    _enqueue(sessions, first, second)
    rows = sessions.read(lambda session: jobs._claimable(session, utcnow(), None))
    assert len(rows) == 1
    _taken(sessions)
    rows[0].seq, rows[0].id = rows[0].seq + 1, second.id
    assert jobs._try_claim(sessions, rows[0], "w", utcnow(), LEASE) is None


def test_threads_that_compete_for_one_job(sessions: Sessions) -> None:
    for _ in range(5):
        job = _job()
        _enqueue(sessions, job)
        barrier = threading.Barrier(6)

        def compete(barrier: threading.Barrier = barrier, job: Job = job) -> Job | None:
            barrier.wait()
            return _claim(sessions, job_id=job.id)

        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            results = [future.result() for future in [pool.submit(compete) for _ in range(6)]]
        assert len([result for result in results if result is not None]) == 1


def test_threads_never_run_two_jobs_of_one_load_balancer(sessions: Sessions) -> None:
    ids = [f"lb{number}" for number in range(3)]
    new = [_job(lb) for _ in range(4) for lb in ids]
    _enqueue(sessions, *new)
    guard, running, done = threading.Lock(), set[str](), list[str]()

    def work() -> None:
        deadline = time.monotonic() + 60
        while len(done) < len(new) and time.monotonic() < deadline:
            job = _claim(sessions)
            if job is None:
                time.sleep(0.01)
                continue
            with guard:
                assert job.load_balancer_id not in running
                running.add(job.load_balancer_id)
            time.sleep(0.005)
            with guard:
                running.remove(job.load_balancer_id)
                done.append(job.id)
            sessions.run(lambda session, job=job: jobs.finish(session, job, JobState.DONE))  # type: ignore[misc]

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(work) for _ in range(4)]:
            future.result()
    assert Counter(done) == Counter(job.id for job in new)
    for lb in ids:
        order = [job.id for job in new if job.load_balancer_id == lb]
        assert [job_id for job_id in done if job_id in order] == order


def _drain(url: str, start: float) -> list[str]:
    sessions = Sessions(url)
    time.sleep(max(0.0, start - time.time()))
    claimed = []
    while job := jobs.claim(sessions, "process", LEASE):
        claimed.append(job.id)
    sessions.dispose()
    return claimed


def test_processes_share_the_queue_without_overlap(url: str, sessions: Sessions) -> None:
    new = [_job() for _ in range(24)]
    _enqueue(sessions, *new)
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(3, mp_context=context) as pool:
        start = time.time() + 2.0
        futures = [pool.submit(_drain, url, start) for _ in range(3)]
        claimed = [job_id for future in futures for job_id in future.result()]
    assert Counter(claimed) == Counter(job.id for job in new)


def test_a_forked_child_opens_connections_of_its_own(sessions: Sessions) -> None:
    _enqueue(sessions, _job())
    context = multiprocessing.get_context("fork")
    results = context.SimpleQueue()
    child = context.Process(target=lambda: results.put(_claim(sessions) is not None))
    child.start()
    child.join(30)
    assert child.exitcode == 0
    assert results.get() is True
    assert _claim(sessions) is None
