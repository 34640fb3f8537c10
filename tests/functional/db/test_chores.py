"""Housekeeping shared by workers, and servers as they were seen last, on every database."""

from __future__ import annotations

import concurrent.futures
import datetime

import pytest
from sqlalchemy.exc import IntegrityError

from sriov_provider import upkeep
from sriov_provider.db import chores, fleet, inventory, jobs
from sriov_provider.db.engine import Sessions
from sriov_provider.db.fleet import Kept, Row
from sriov_provider.records import AmphoraRecord, AmphoraState, JobState, LoadBalancerRecord

LB = LoadBalancerRecord("lb", "project", "192.0.2.1", "vip", "s", "net", "direct")
READY = AmphoraRecord("amp", "lb", AmphoraState.READY, compute_id="server", host="host-0")
NOW = datetime.datetime(2030, 1, 1, tzinfo=datetime.timezone.utc)
ROW = Row("amp", "server", "image", "2029")


def later(seconds: float) -> datetime.datetime:
    return NOW + datetime.timedelta(seconds=seconds)


def fill(sessions: Sessions, *amphorae: AmphoraRecord) -> None:
    sessions.run(lambda s: inventory.save_load_balancer(s, LB))
    for record in amphorae or (READY,):
        sessions.run(lambda s, r=record: inventory.save_amphora(s, r))  # type: ignore[misc]


def only(sessions: Sessions) -> Kept:
    (found,) = sessions.read(fleet.kept)
    return found


@pytest.mark.parametrize("first", [True, False], ids=["never-done", "due"])
def test_of_many_workers_one_gets_a_chore(sessions: Sessions, first: bool) -> None:
    if not first:
        assert chores.take(sessions, "sweep", NOW, later(-1))
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        won = list(threads.map(lambda _: chores.take(sessions, "sweep", NOW, later(60)), range(8)))
    assert won.count(True) == 1
    assert not chores.take(sessions, "sweep", later(59), later(120))
    assert chores.take(sessions, "sweep", later(60), later(120))
    assert chores.take(sessions, "servers", NOW, later(60))


def test_results_outlive_failures(sessions: Sessions) -> None:
    assert sessions.read(chores.results) == {}
    chores.take(sessions, "sweep", NOW, later(60))
    assert sessions.read(chores.results) == {}
    sessions.run(lambda s: chores.settle(s, "sweep", later(60), NOW, {"leaked": {"port": 1}}))
    done = {"sweep": chores.Result(NOW, {"leaked": {"port": 1}})}
    assert sessions.read(chores.results) == done
    chores.take(sessions, "sweep", later(60), later(120))
    sessions.run(lambda s: chores.settle(s, "sweep", later(120), later(61), None))
    assert sessions.read(chores.results) == done


def test_servers_as_they_were_seen(sessions: Sessions) -> None:
    leaving = AmphoraRecord("gone", "lb", AmphoraState.RELEASING, compute_id="other")
    fill(sessions, READY, leaving, AmphoraRecord("new", "lb", AmphoraState.WANTED))
    assert only(sessions) == Kept("amp", "lb", "server", "host-0")
    for launched in ("2029", "2030"):
        row = Row("amp", "server", "image", launched, failures=2, not_before=NOW)
        sessions.run(lambda s, r=row: fleet.save(s, [r]))  # type: ignore[misc]
        seen = only(sessions)
        assert (seen.seen, seen.image_id, seen.launched_at) == (True, "image", launched)
        assert (seen.failures, seen.not_before, seen.job) == (2, NOW, None)
    sessions.run(lambda s: fleet.save(s, []))
    with pytest.raises(IntegrityError):
        sessions.run(lambda s: fleet.save(s, [Row("nobody", "server", None, None)]))
    # another server: all is seen for the first time
    sessions.run(lambda s: fleet.save(s, [Row("amp", "before", "image", "2029")]))
    assert not only(sessions).seen
    sessions.run(lambda s: inventory.delete_load_balancer(s, "lb"))
    assert sessions.read(fleet.kept) == ()


def test_a_job_puts_a_server_right(sessions: Sessions) -> None:
    fill(sessions)
    job = upkeep.refresh(READY)
    row = Row("amp", "server", "image", "2029", job_id=job.id)
    assert sessions.run(lambda s: fleet.place(s, row, job))
    seen = only(sessions)
    assert (seen.busy, seen.job) == (True, JobState.PENDING)
    assert not sessions.run(lambda s: fleet.place(s, row, upkeep.refresh(READY)))
    claimed = jobs.claim(sessions, "worker", 60)
    assert claimed
    sessions.run(lambda s: jobs.finish(s, claimed, JobState.FAILED))
    seen = only(sessions)
    assert (seen.busy, seen.job) == (False, JobState.FAILED)


@pytest.mark.parametrize("row", [Row("nobody", "server", None, None), Row("amp", "x", None, None)])
def test_no_job_for_an_amphora_that_has_gone_or_has_another_server(
    sessions: Sessions, row: Row
) -> None:
    fill(sessions)
    assert not sessions.run(lambda s: fleet.place(s, row, upkeep.refresh(READY)))
    assert sessions.read(lambda s: jobs.unfinished(s, "lb")) == ()
