from __future__ import annotations

import datetime
import threading

import pytest

from sriov_provider.db import jobs
from sriov_provider.db.types import utcnow
from sriov_provider.errors import Code, ProviderError
from sriov_provider.records import Job, JobState
from sriov_provider.worker.leases import Leases
from tests.fakes import errors
from tests.unit.worker.harness import World


def claimed(world: World) -> Job:
    world.create_load_balancer()
    job = jobs.claim(world.sessions, "worker", 3)
    assert job is not None
    return job


def state(world: World, job: Job) -> Job:
    found = world.sessions.read(lambda session: jobs.get(session, job.id))
    assert found is not None
    return found


def test_held_lease_is_renewed(world: World) -> None:
    job = claimed(world)
    leases = Leases(world.sessions, 600)
    with leases.held(job):
        leases.renew()
    expires = state(world, job).lease_expires
    assert expires is not None
    assert expires > utcnow() + datetime.timedelta(seconds=500)


def test_lease_is_not_renewed_once_the_job_has_ended(world: World) -> None:
    job = claimed(world)
    leases = Leases(world.sessions, 600)
    with leases.held(job):
        pass
    leases.renew()
    assert state(world, job).lease_expires == job.lease_expires


def test_nothing_is_said_of_a_job_that_has_just_ended(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Its outcome is on record, but its thread has not let go of it yet."""
    done, lost = claimed(world), claimed(world)
    leases = Leases(world.sessions, 600)
    world.sessions.run(lambda session: jobs.finish(session, done, JobState.DONE))
    with leases.held(done):
        leases.renew()
    assert caplog.messages == []
    jobs.claim(world.sessions, "other", 600, lost.id, utcnow() + datetime.timedelta(hours=1))
    with leases.held(lost):
        leases.renew()
    assert [lost.id in text for text in caplog.messages] == [True]


def test_leases_are_kept_until_the_worker_stops(world: World) -> None:
    job = claimed(world)
    leases, stop = Leases(world.sessions, 0.03), threading.Event()
    keeper = threading.Thread(target=leases.keep, args=(stop,))
    with leases.held(job):
        keeper.start()
        deadline = utcnow() + datetime.timedelta(seconds=5)
        while state(world, job).lease_expires == job.lease_expires and utcnow() < deadline:
            stop.wait(0.01)
        stop.set()
        keeper.join(5)
    assert not keeper.is_alive()
    assert state(world, job).lease_expires != job.lease_expires


def test_leases_that_are_not_of_jobs_are_renewed_too(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    leases, stop = Leases(world.sessions, 0.03), threading.Event()
    calls: list[int] = []

    def others() -> None:
        calls.append(1)
        if len(calls) < 3:
            raise ProviderError(Code.DATABASE, "down", "connection refused", retriable=True)
        stop.set()

    leases.keep(stop, others)
    assert len(calls) == 3
    assert caplog.text.count("connection refused") >= 2


def test_lost_lease_does_not_stop_the_others(world: World) -> None:
    lost, kept = claimed(world), claimed(world)
    again = jobs.claim(
        world.sessions, "other", 600, lost.id, utcnow() + datetime.timedelta(hours=1)
    )
    assert again is not None
    leases = Leases(world.sessions, 600)
    with leases.held(lost), leases.held(kept):
        leases.renew()
    assert state(world, lost).lease_owner == "other"
    expires = state(world, kept).lease_expires
    assert expires is not None and kept.lease_expires is not None
    assert expires > kept.lease_expires


def test_check_tells_of_a_lost_lease(world: World) -> None:
    lost, kept = claimed(world), claimed(world)
    leases = Leases(world.sessions, 600)
    with leases.held(lost), leases.held(kept):
        leases.check(lost)
        jobs.claim(world.sessions, "other", 600, lost.id, utcnow() + datetime.timedelta(hours=1))
        leases.renew()
        leases.check(kept)
        with pytest.raises(ProviderError, match="lost attempt 1 of job"):
            leases.check(lost)


def test_check_tells_of_a_lease_that_could_not_be_renewed(world: World) -> None:
    job = claimed(world)
    leases = Leases(world.sessions, 0.0)
    with leases.held(job), pytest.raises(ProviderError, match="lost attempt 1 of job"):
        leases.check(job)


def test_attempt_that_ends_late_leaves_the_next_one_its_lease(world: World) -> None:
    first = claimed(world)
    second = jobs.claim(
        world.sessions, "worker", 600, first.id, utcnow() + datetime.timedelta(hours=1)
    )
    assert second is not None
    leases = Leases(world.sessions, 600)
    with leases.held(second):
        with leases.held(first):
            pass
        leases.check(second)


def test_worker_that_lost_its_lease_stops_and_undoes_nothing(world: World) -> None:
    job = claimed(world)

    def check(asked: Job) -> None:
        if asked.attempt == job.attempt and world.cloud.servers:
            raise ProviderError(Code.LEASE_LOST, "", "lost")

    world.check_lease = check
    with pytest.raises(ProviderError, match="lost"):
        world.runner.run(job)
    assert len(world.cloud.servers) == 1
    assert world.reasons(job.load_balancer_id) == ()
    assert "wait_ready" not in world.calls.log
    (server,) = world.cloud.servers
    other = jobs.claim(world.sessions, "other", 600, job.id, utcnow() + datetime.timedelta(hours=1))
    assert other is not None
    world.runner.run(other)
    assert list(world.cloud.servers) == [server]


def test_outcome_of_a_lost_lease_is_not_recorded(world: World) -> None:
    job = claimed(world)
    other = jobs.claim(world.sessions, "other", 600, job.id, utcnow() + datetime.timedelta(hours=1))
    assert other is not None
    try:
        world.runner.run(job)
    except ProviderError as error:
        assert error.reason.code is Code.LEASE_LOST
    else:
        raise AssertionError("the lost lease went unnoticed")
    assert world.undelivered() == 0
    assert state(world, job).state is JobState.RUNNING
    world.runner.run(other)
    assert world.undelivered() == 1
    world.run_all()
    assert world.agent.provisioning(job.load_balancer_id) == "ACTIVE"
    assert len(world.cloud.servers) == 1


def test_failure_of_a_lost_lease_is_not_recorded(world: World) -> None:
    job = claimed(world)
    other = jobs.claim(world.sessions, "other", 600, job.id, utcnow() + datetime.timedelta(hours=1))
    assert other is not None
    world.cloud.fail("ensure_security_group", errors.quota())
    try:
        world.runner.run(job)
    except ProviderError as error:
        assert error.reason.code is Code.LEASE_LOST
    else:
        raise AssertionError("the lost lease went unnoticed")
    assert world.reasons(job.load_balancer_id) == ()
    assert world.undelivered() == 0


def test_what_is_looked_for_too_long_is_not_made(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has the job by then makes a security group, and Neutron takes two of one name."""
    job, look = claimed(world), world.cloud._group_named
    lost = threading.Event()

    def long(name: str) -> object:
        lost.set()
        return look(name)

    def check(one: Job) -> None:
        if lost.is_set():
            raise jobs.lost(one)

    monkeypatch.setattr(world.cloud, "_group_named", long)
    world.check_lease = check
    with pytest.raises(ProviderError) as caught:
        world.runner.run(job)
    assert caught.value.reason.code is Code.LEASE_LOST
    assert lost.is_set()
    assert world.cloud.groups == {}


@pytest.mark.parametrize(
    "call", ["ensure_security_group", "create_server", "create_port", "attach_port"]
)
def test_what_a_call_tells_too_late_is_not_written(world: World, call: str) -> None:
    """The call took longer than the lease lasts; whoever has the job by then has read the rows."""
    job, taken = claimed(world), list[Job]()

    def take(verb: str, when: str) -> None:
        if (verb, when) == (call, "after") and not taken:
            later = utcnow() + datetime.timedelta(hours=1)
            other = jobs.claim(world.sessions, "other", 600, job.id, later)
            assert other is not None
            taken.append(other)
            seen.append(world.inventory(job.load_balancer_id))

    seen: list[object] = []
    world.cloud.observers.append(take)
    with pytest.raises(ProviderError) as caught:
        world.runner.run(job)
    assert caught.value.reason.code is Code.LEASE_LOST
    assert [world.inventory(job.load_balancer_id)] == seen
    world.runner.run(taken[0])
    world.run_all()
    assert world.agent.provisioning(job.load_balancer_id) == "ACTIVE"
    amphora = world.only_amphora(job.load_balancer_id)
    assert list(world.cloud.servers) == [amphora.compute_id]
    assert len(world.cloud.groups) == 1


def test_no_call_is_made_once_the_lease_is_lost(world: World) -> None:
    """Wherever within a task the worker stood still: the next one has one server, not two."""
    for calls in range(100):
        job, limit = claimed(world), calls

        def check(asked: Job, job: Job = job, limit: int = limit) -> None:
            ours = (asked.id, asked.attempt) == (job.id, job.attempt)
            if ours and len(world.calls.log) > limit:
                raise jobs.lost(asked)

        world.check_lease = check
        with world.counted() as made:
            try:
                world.runner.run(job)
            except ProviderError as error:
                assert error.reason.code is Code.LEASE_LOST
                assert len(made.log) == calls + 1
            else:
                break
        later = utcnow() + datetime.timedelta(hours=1)
        other = jobs.claim(world.sessions, "other", 600, job.id, later)
        assert other is not None
        world.runner.run(other)
        world.run_all()
        assert world.agent.provisioning(job.load_balancer_id) == "ACTIVE"
        servers = {world.only_amphora(lb).compute_id for lb in world.agent.trees}
        assert set(world.cloud.servers) == servers
    assert 8 < calls < 99
