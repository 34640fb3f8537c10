"""Failovers that health managers place, in every supported database."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import datetime
import logging
import time
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from sriov_provider.db import failovers as database
from sriov_provider.db import health, heartbeats, inventory, jobs, models, reasons
from sriov_provider.db.engine import Sessions
from sriov_provider.db.types import utcnow
from sriov_provider.errors import Code, ProviderError, Reason
from sriov_provider.health.counts import Counts
from sriov_provider.health.failovers import Failovers
from sriov_provider.health.judge import Known
from sriov_provider.health.policy import Rules, Verdict
from sriov_provider.records import Action, AmphoraState, Job, JobState, ObjectType
from tests.functional.db.amphorae import Queries, fill, rows

RULES = Rules(timeout=60, backoff=60)


def manager(
    sessions: Sessions, rules: Rules = RULES, wake: Callable[[str], None] | None = None
) -> Failovers:
    """One that has listened for long."""
    made = Failovers(sessions, rules, Counts(), wake)
    made._listening_since -= datetime.timedelta(hours=1)
    return made


def heard(sessions: Sessions, amphora_id: str, lb: str, seconds_ago: float) -> None:
    moment = utcnow() - datetime.timedelta(seconds=seconds_ago)
    known = Known(amphora_id, lb, moment, 1)
    sessions.run(lambda s: heartbeats.save(s, [known], marked=False))


def verdicts(failovers: Failovers) -> dict[str, Verdict]:
    return {d.load_balancer_id: d.verdict for d in failovers.check()}


def placed(sessions: Sessions, lb: str = "lb") -> tuple[Job, ...]:
    return sessions.read(lambda s: jobs.unfinished(s, lb))


def end(sessions: Sessions, state: JobState, seconds_ago: float = 0.0) -> None:
    running = jobs.claim(sessions, "worker", 60)
    assert running is not None
    moment = utcnow() - datetime.timedelta(seconds=seconds_ago)
    sessions.run(lambda s: jobs.finish(s, running, state, moment))


def test_a_silent_amphora_gets_one_job(
    sessions: Sessions, caplog: pytest.LogCaptureFixture
) -> None:
    fill(sessions)
    heard(sessions, "amp", "lb", 61)
    woken: list[str] = []
    failovers = manager(sessions, wake=woken.append)
    assert verdicts(failovers) == {"lb": Verdict.FAIL_OVER}
    (job,) = placed(sessions)
    assert (job.action, job.object_type, job.object_id) == (
        Action.FAILOVER,
        ObjectType.AMPHORA,
        "amp",
    )
    assert woken == [job.id]
    assert "amphora amp not heard for 61 s" in caplog.text
    assert verdicts(failovers) == {"lb": Verdict.BUSY}
    assert len(placed(sessions)) == 1


def test_two_silent_amphorae_are_a_failover_of_the_load_balancer(sessions: Sessions) -> None:
    fill(sessions, amphorae=("a", "b"))
    heard(sessions, "a", "lb", 61)
    heard(sessions, "b", "lb", 62)
    assert verdicts(manager(sessions)) == {"lb": Verdict.FAIL_OVER}
    (job,) = placed(sessions)
    assert (job.object_type, job.object_id) == (ObjectType.LOADBALANCER, "lb")


def test_an_amphora_that_missed_a_change_serves_all_the_same(sessions: Sessions) -> None:
    fill(sessions, amphorae=("a", "b"), state=AmphoraState.STALE)
    heard(sessions, "a", "lb", 61)
    heard(sessions, "b", "lb", 1)
    assert manager(sessions).check()[0].amphora_ids == ("a",)


def test_all_is_well(sessions: Sessions) -> None:
    """One question tells, whatever the number of amphorae."""
    for n in range(20):
        fill(sessions, f"lb{n}", (f"amp{n}",), str(n))
        heard(sessions, f"amp{n}", f"lb{n}", 5)
    failovers = manager(sessions)
    assert failovers.check() == ()  # looks for those that were never heard, too
    queries = Queries(sessions)
    assert failovers.check() == ()
    assert queries.number <= 4


def hosts(sessions: Sessions, *numbers: int) -> None:
    """Load balancers on as many hosts, numbered throughout, their amphorae heard 30 s ago."""
    n = 0
    for host, number in enumerate(numbers):
        for _ in range(number):
            fill(sessions, f"lb{n}", (f"a{n}",), str(n), host=f"host-{host}")
            heard(sessions, f"a{n}", f"lb{n}", 30)
            n += 1


def test_all_that_fall_silent_at_once_are_counted_at_the_first_look(sessions: Sessions) -> None:
    hosts(sessions, 3, 3)
    heard(sessions, "a0", "lb0", 0)
    failovers = manager(sessions)
    assert failovers.check() == ()
    sessions.run(lambda s: _silence(s, "a1", 61))
    (decision,) = failovers.check()
    assert decision.verdict is Verdict.OUTAGE
    assert decision.reason == "5 of 6 amphorae are silent at once, more than 50 %"
    # Its end is no proof that who is silent yet is dead.
    for n in range(2, 6):
        heard(sessions, f"a{n}", f"lb{n}", 0)
    assert verdicts(failovers) == {"lb1": Verdict.OUTAGE}
    assert failovers._outage_at is not None
    failovers._outage_at -= datetime.timedelta(seconds=60)
    assert verdicts(failovers) == {"lb1": Verdict.FAIL_OVER}


def _silence(session: Session, amphora_id: str, seconds: float) -> None:
    moment = utcnow() - datetime.timedelta(seconds=seconds)
    beat = models.Heartbeat
    row = sa.update(beat).where(beat.amphora_id == amphora_id)
    session.execute(row.values(received_at=moment))


def test_the_amphorae_of_a_host_that_dies_are_replaced(sessions: Sessions) -> None:
    hosts(sessions, 6, 4)
    for n in range(6):
        sessions.run(lambda s, n=n: _silence(s, f"a{n}", 61))  # type: ignore[misc]
    failovers = manager(sessions)
    assert set(verdicts(failovers).values()) == {Verdict.OUTAGE}
    for n in range(6, 10):
        heard(sessions, f"a{n}", f"lb{n}", 1)
    assert set(verdicts(manager(sessions)).values()) == {Verdict.FAIL_OVER}


def test_who_has_just_been_built_is_not_silent(sessions: Sessions) -> None:
    """Its agent says nothing while keepalived starts."""
    hosts(sessions, 5, 4)
    sessions.run(lambda s: _silence(s, "a0", 61))
    for n in range(1, 9):
        job = Job(f"job{n}", f"lb{n}", Action.CREATE, ObjectType.LOADBALANCER, f"lb{n}")
        sessions.run(lambda s, j=job: jobs.enqueue(s, j))  # type: ignore[misc]
        end(sessions, JobState.DONE)
        sessions.run(lambda s, n=n: _built(s, n))  # type: ignore[misc]
    assert verdicts(manager(sessions)) == {"lb0": Verdict.FAIL_OVER}


def _built(session: Session, n: int) -> None:
    row = sa.update(models.Amphora).where(models.Amphora.id == f"a{n}")
    session.execute(row.values(built_by=f"job{n}"))


def test_several_managers_place_one_job_for_each(sessions: Sessions, url: str) -> None:
    for n in range(4):
        fill(sessions, f"lb{n}", (f"a{n}", f"b{n}"), str(n))
        heard(sessions, f"a{n}", f"lb{n}", 100)
        heard(sessions, f"b{n}", f"lb{n}", 1)
    managers = [manager(Sessions(url)) for _ in range(4)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            list(pool.map(lambda m: m.check(), managers))
    assert len(rows(sessions, models.Job)) == 4
    assert [h.failovers for h in rows(sessions, models.Health)] == [1] * 4
    for n in range(4):
        assert len(placed(sessions, f"lb{n}")) == 1
        end(sessions, JobState.DONE)
    # Still silent: of the next round, one each again.
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda m: m.check(), managers))
    assert len(rows(sessions, models.Job)) == 8


def test_who_is_heard_meanwhile_is_not_replaced(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(sessions)
    heard(sessions, "amp", "lb", 61)
    failovers = manager(sessions)
    place = failovers._place

    def late(*arguments: object) -> bool:
        heard(sessions, "amp", "lb", 0)
        return place(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(failovers, "_place", late)
    failovers.check()
    assert placed(sessions) == ()


def test_a_load_balancer_that_goes_meanwhile_is_not_failed_over(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(sessions)
    heard(sessions, "amp", "lb", 61)
    failovers = manager(sessions)
    place = failovers._place

    def late(*arguments: object) -> bool:
        sessions.run(lambda s: inventory.delete_load_balancer(s, "lb"))
        return place(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(failovers, "_place", late)
    failovers.check()
    assert rows(sessions, models.Job) == []


def test_a_failed_failover_is_tried_again(sessions: Sessions) -> None:
    fill(sessions)
    heard(sessions, "amp", "lb", 1000)
    failovers = manager(sessions)
    assert verdicts(failovers) == {"lb": Verdict.FAIL_OVER}
    end(sessions, JobState.FAILED, seconds_ago=50)
    assert verdicts(failovers) == {"lb": Verdict.BACK_OFF}
    short = manager(sessions, dataclasses.replace(RULES, backoff=40))
    assert verdicts(short) == {"lb": Verdict.FAIL_OVER}
    end(sessions, JobState.FAILED, seconds_ago=50)
    assert verdicts(short) == {"lb": Verdict.BACK_OFF}


def test_a_load_balancer_left_without_amphorae_is_not_forgotten(sessions: Sessions) -> None:
    fill(sessions)
    heard(sessions, "amp", "lb", 1000)
    failovers = manager(sessions)
    failovers.check()
    sessions.run(lambda s: inventory.delete_amphora(s, "amp"))
    end(sessions, JobState.FAILED, seconds_ago=61)
    assert verdicts(failovers) == {"lb": Verdict.FAIL_OVER}
    end(sessions, JobState.DONE)
    assert failovers.check() == ()


def test_one_of_two_that_could_not_be_built_is_not_forgotten(sessions: Sessions) -> None:
    fill(sessions, amphorae=("a", "b"), topology="ACTIVE_STANDBY")
    heard(sessions, "a", "lb", 1000)
    failovers = manager(sessions)
    heard(sessions, "b", "lb", 1)
    failovers.check()
    sessions.run(lambda s: inventory.delete_amphora(s, "a"))
    end(sessions, JobState.FAILED, seconds_ago=61)
    update = Job("update", "lb", Action.UPDATE, ObjectType.LOADBALANCER, "lb")
    sessions.run(lambda s: jobs.enqueue(s, update))
    end(sessions, JobState.DONE)
    assert verdicts(failovers) == {"lb": Verdict.FAIL_OVER}
    (job,) = placed(sessions)
    assert (job.action, job.object_type) == (Action.FAILOVER, ObjectType.AMPHORA)
    assert job.object_id not in ("a", "b")
    end(sessions, JobState.DONE)
    assert failovers.check() == ()


def test_what_is_missing_is_seen_whatever_job_lost_it(sessions: Sessions) -> None:
    """An update that builds anew, for one; and the failovers that failed may be forgotten."""
    for n, topology in enumerate(("SINGLE", "ACTIVE_STANDBY", "ACTIVE_STANDBY", "SINGLE")):
        fill(sessions, f"lb{n}", (f"a{n}",), str(n), topology)
        heard(sessions, f"a{n}", f"lb{n}", 1)
        if n != 2:  # that one has not been built yet
            sessions.run(lambda s, n=n: health.expect(s, f"lb{n}", True, []))  # type: ignore[misc]
    sessions.run(lambda s: inventory.delete_amphora(s, "a0"))
    busy = Job("busy", "lb0", Action.UPDATE, ObjectType.LOADBALANCER, "lb0")
    sessions.run(lambda s: jobs.enqueue(s, busy))
    assert verdicts(manager(sessions)) == {"lb1": Verdict.FAIL_OVER}
    assert placed(sessions, "lb1")[0].object_type is ObjectType.AMPHORA
    end(sessions, JobState.DONE)
    end(sessions, JobState.DONE)
    assert verdicts(manager(sessions)) == {"lb0": Verdict.FAIL_OVER, "lb1": Verdict.FAIL_OVER}
    assert placed(sessions, "lb0")[0].object_type is ObjectType.LOADBALANCER


def test_a_load_balancer_left_in_error_is_not_forgotten(sessions: Sessions) -> None:
    """Nothing was lost, as no VF was free for a new one: Octavia takes no change until a failover
    goes well."""
    fill(sessions)
    heard(sessions, "amp", "lb", 1)
    user = Job("user", "lb", Action.FAILOVER, ObjectType.LOADBALANCER, "lb")
    sessions.run(lambda s: jobs.enqueue(s, user))
    end(sessions, JobState.FAILED, 30)
    assert verdicts(manager(sessions)) == {}  # nobody was told that it failed
    why = Reason(Code.NO_VF, "None.", "No VF.")
    record = reasons.record(ObjectType.LOADBALANCER, "lb", "lb", why, "user")
    sessions.run(lambda s: reasons.add(s, record))
    assert verdicts(manager(sessions)) == {"lb": Verdict.BACK_OFF}
    assert verdicts(manager(sessions, dataclasses.replace(RULES, backoff=20))) == {
        "lb": Verdict.FAIL_OVER
    }
    (job,) = placed(sessions)
    assert (job.object_type, job.object_id) == (ObjectType.LOADBALANCER, "lb")
    end(sessions, JobState.FAILED, 30)
    # It waits longer each time, and never gives up; another job may put it right before.
    assert verdicts(manager(sessions, dataclasses.replace(RULES, backoff=20))) == {
        "lb": Verdict.BACK_OFF
    }
    sessions.run(lambda s: reasons.clear(s, ObjectType.LOADBALANCER, "lb"))
    assert verdicts(manager(sessions)) == {}


def test_who_was_never_heard_is_told_of_once(
    sessions: Sessions, caplog: pytest.LogCaptureFixture
) -> None:
    fill(sessions)
    failovers = manager(sessions)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert verdicts(failovers) == {"lb": Verdict.UNHEARD}
    assert caplog.text.count("was ever heard") == 1


def test_each_of_several_verdicts_about_a_load_balancer_is_told_of_once(
    sessions: Sessions, caplog: pytest.LogCaptureFixture
) -> None:
    fill(sessions, amphorae=("a", "b"))
    heard(sessions, "a", "lb", 61)
    failovers = manager(sessions, dataclasses.replace(RULES, enabled=False))
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            failovers.check()
    told = [r.getMessage().partition(": ")[2] for r in caplog.records if "not failed" in r.msg]
    assert told == [
        "no heartbeat of amphora b was ever heard",
        "automatic failovers are switched off",
    ]


def test_no_more_is_looked_at_than_a_statement_may_name(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "MOST", 2)
    for n in range(4):
        fill(sessions, f"lb{n}", (f"a{n}",), str(n))
    assert verdicts(manager(sessions)) == {"lb0": Verdict.UNHEARD, "lb1": Verdict.UNHEARD}


def test_no_database_no_decision(url: str) -> None:
    failovers = Failovers(Sessions(url), RULES, Counts())
    with pytest.raises(ProviderError):
        failovers.check()
    before = failovers._listening_since
    time.sleep(0.01)
    failovers.interrupted()
    assert failovers._listening_since > before
