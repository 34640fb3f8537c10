"""Looks at firewalls, shared by workers, on every supported database."""

from __future__ import annotations

import collections
import concurrent.futures
import dataclasses
import datetime
import itertools
import threading
import time
from collections.abc import Iterable
from typing import Any

import pytest

from sriov_provider.amphora.base import Endpoint, FirewallState
from sriov_provider.db import firewall_checks, inventory, jobs, models
from sriov_provider.db.engine import Sessions
from sriov_provider.db.firewall_checks import Look, Repair, Watched
from sriov_provider.db.types import utcnow
from sriov_provider.records import (
    Action,
    AmphoraRecord,
    AmphoraState,
    Job,
    JobState,
    LoadBalancerRecord,
    ObjectType,
    PortRecord,
    PortRole,
    PortState,
)
from sriov_provider.worker.watch import BATCH, Watch
from tests.fakes.amphora import FakeAmphora
from tests.functional.db.amphorae import Queries

LB = LoadBalancerRecord("lb", "project", "192.0.2.1", "vip", "s", "net", "direct")
DOCUMENT = {"version": 1}
NOW = datetime.datetime(2030, 1, 1, tzinfo=datetime.timezone.utc)
LATER = NOW + datetime.timedelta(seconds=60)


def _fill(sessions: Sessions, number: int = 1, **values: Any) -> None:
    ready = AmphoraRecord(
        "", "lb", AmphoraState.READY, management_ip="192.0.2.9", firewall_document=DOCUMENT
    )
    sessions.run(lambda s: inventory.save_load_balancer(s, LB))
    for n in range(number):
        record = dataclasses.replace(ready, **{"id": f"amp{n:03}", **values})
        sessions.run(lambda s, r=record: inventory.save_amphora(s, r))  # type: ignore[misc]


def _due(sessions: Sessions, now: datetime.datetime = NOW, limit: int = 100) -> tuple[Watched, ...]:
    return sessions.read(lambda s: firewall_checks.due(s, now, limit))


def _only(sessions: Sessions) -> Watched:
    (found,) = sessions.read(firewall_checks.watched)
    return found


def _job(job_id: str = "job", load_balancer_id: str = "lb") -> Job:
    return Job(job_id, load_balancer_id, Action.REPAIR, ObjectType.LOADBALANCER, load_balancer_id)


@pytest.mark.parametrize(
    "values",
    [
        {"state": AmphoraState.BOOTING},
        {"state": AmphoraState.RELEASING},
        {"management_ip": None},
        {"firewall_document": None},
    ],
    ids=str,
)
def test_only_serving_amphorae_are_looked_at(sessions: Sessions, values: dict[str, Any]) -> None:
    _fill(sessions)
    assert [w.amphora_id for w in _due(sessions)] == ["amp000"]
    _fill(sessions, 1, **values)
    assert _due(sessions) == ()


def test_not_while_a_job_runs_or_waits(sessions: Sessions) -> None:
    _fill(sessions)
    sessions.run(lambda s: jobs.enqueue(s, _job(load_balancer_id="other")))
    assert len(_due(sessions)) == 1
    sessions.run(lambda s: jobs.enqueue(s, _job("job2")))
    assert _due(sessions) == ()
    running = jobs.claim(sessions, "w", 60, "job2")
    assert running is not None
    assert _due(sessions) == ()
    sessions.run(lambda s: jobs.finish(s, running, JobState.DONE))
    assert len(_due(sessions)) == 1


def test_a_claimed_look_is_nobody_elses_until_it_runs_out(sessions: Sessions) -> None:
    _fill(sessions, 3)
    seen = _due(sessions)
    assert len(firewall_checks.claim(sessions, seen[:2], NOW, LATER)) == 2
    assert [w.amphora_id for w in firewall_checks.claim(sessions, seen, NOW, LATER)] == [
        seen[2].amphora_id
    ]
    assert _due(sessions) == ()
    again = _due(sessions, LATER)
    assert len(again) == 3
    assert len(firewall_checks.claim(sessions, again, LATER, LATER + (LATER - NOW))) == 3
    assert firewall_checks.claim(sessions, again, LATER, LATER + (LATER - NOW)) == ()


def test_an_amphora_that_went_meanwhile_cannot_be_claimed(sessions: Sessions) -> None:
    _fill(sessions)
    seen = _due(sessions)
    sessions.run(lambda s: inventory.delete_load_balancer(s, "lb"))
    assert firewall_checks.claim(sessions, seen, NOW, LATER) == ()


def test_the_row_goes_with_its_amphora(sessions: Sessions) -> None:
    _fill(sessions)
    firewall_checks.claim(sessions, _due(sessions), NOW, LATER)
    sessions.run(lambda s: inventory.delete_amphora(s, "amp000"))
    rows = sessions.read(lambda s: s.query(models.FirewallCheck).count())
    assert rows == 0


def test_saving_the_amphora_does_not_touch_the_look(sessions: Sessions) -> None:
    _fill(sessions)
    firewall_checks.claim(sessions, _due(sessions), NOW, LATER)
    _fill(sessions, firewall_digest="new")
    assert (_only(sessions).due_at, _only(sessions).digest) == (LATER, "new")


def test_workers_share_the_looks(sessions: Sessions) -> None:
    """Each amphora is looked at by one of them, whether it was ever looked at before or not."""
    _fill(sessions, 40)
    now = NOW
    for _ in range(3):
        until, seen = now + datetime.timedelta(seconds=60), _due(sessions, now)
        assert len(seen) == 40
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            runs = [
                pool.submit(firewall_checks.claim, sessions, seen, now, until) for _ in range(4)
            ]
            won = [w.amphora_id for run in runs for w in run.result()]
        assert sorted(won) == [f"amp{n:03}" for n in range(40)]
        now = until


def test_what_a_look_saw_is_kept(sessions: Sessions) -> None:
    _fill(sessions)
    (claimed,) = firewall_checks.claim(sessions, _due(sessions), NOW, LATER)
    look = Look(claimed, LATER, True, 0, ("m1", "m2"))
    sessions.run(lambda s: firewall_checks.settle(s, [look], NOW))
    seen = _only(sessions)
    assert (seen.checked_at, seen.failures, seen.missing, seen.vanished) == (
        NOW,
        0,
        ("m1", "m2"),
        2,
    )
    # Not counted again, and forgotten when it is back; no answer says nothing about interfaces.
    silent = Look(seen, LATER, False, 1)
    sessions.run(lambda s: firewall_checks.settle(s, [silent], LATER))
    seen = _only(sessions)
    assert (seen.checked_at, seen.failures, seen.missing) == (NOW, 1, ("m1", "m2"))
    sessions.run(lambda s: firewall_checks.settle(s, [Look(seen, LATER, True, 0, ("m2",))], LATER))
    seen = _only(sessions)
    assert (seen.checked_at, seen.failures, seen.missing, seen.vanished) == (LATER, 0, ("m2",), 2)


def test_a_suspicion_becomes_one_job(sessions: Sessions) -> None:
    _fill(sessions, firewall_digest="recorded")
    (seen,) = _due(sessions)
    stale = dataclasses.replace(seen, digest="older")
    gone = dataclasses.replace(seen, amphora_id="gone")
    for watched, expected in ((stale, False), (gone, False), (seen, True), (seen, False)):
        job = _job(f"job-{expected}")
        written = sessions.run(lambda s, w=watched, j=job: firewall_checks.suspect(s, w, j))  # type: ignore[misc]
        assert written is expected
    (job,) = sessions.read(lambda s: jobs.unfinished(s, "lb"))
    assert job.action is Action.REPAIR


def test_repairs_are_counted(sessions: Sessions) -> None:
    _fill(sessions)
    firewall_checks.claim(sessions, _due(sessions), NOW, LATER)
    for repair, failures in (
        (Repair("amp000", True, False), 1),
        (Repair("amp000", False, True), 0),
        (Repair("amp000", False, None), 0),
    ):
        sessions.run(
            lambda s, r=repair, f=failures: firewall_checks.repaired(s, r, f, LATER, utcnow())  # type: ignore[misc]
        )
    seen = _only(sessions)
    assert (seen.drifts, seen.repairs, seen.repairs_failed, seen.failures) == (1, 1, 1, 0)


def test_mac_addresses_of_what_is_plugged(sessions: Sessions) -> None:
    port = PortRecord("p", "lb", "amp000", "net", PortRole.VIP, "direct", PortState.ATTACHED)
    for n, values in enumerate(({"mac": "FA:1"}, {}, {"mac": "FA:2", "state": PortState.WANTED})):
        record = dataclasses.replace(port, id=f"p{n}", **values)  # type: ignore[arg-type]
        sessions.run(lambda s, r=record: inventory.save_port(s, r))  # type: ignore[misc]
    found = sessions.read(lambda s: firewall_checks.macs(s, ["amp000", "amp001"]))
    assert found == {"amp000": ("fa:1",), "amp001": ()}


class Agents:
    """Agents that are in order; remembers which workers asked each."""

    def __init__(self) -> None:
        self.asked: dict[str, list[str]] = collections.defaultdict(list)

    def of(self, worker: str) -> FakeAmphora:
        made = FakeAmphora()

        def firewall(endpoint: Endpoint, **_: object) -> FirewallState:
            self.asked[endpoint.amphora_id].append(worker)
            return FirewallState("recorded")

        made.firewall = firewall  # type: ignore[method-assign]
        return made


def _taken(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[datetime.datetime]]:
    """The moments for which workers take looks, by amphora.

    Agents may be asked later, even much later on a busy machine.
    """
    found: dict[str, list[datetime.datetime]] = collections.defaultdict(list)
    claim = firewall_checks.claim

    def noted(
        s: Sessions, seen: Iterable[Watched], now: datetime.datetime, until: datetime.datetime
    ) -> tuple[Watched, ...]:
        won = claim(s, seen, now, until)
        for watched in won:
            found[watched.amphora_id].append(now)
        return won

    monkeypatch.setattr(firewall_checks, "claim", noted)
    return found


def test_two_workers_look_at_each_amphora_once_in_an_interval(
    sessions: Sessions, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(sessions, 20, firewall_digest="recorded")
    taken = _taken(monkeypatch)
    agents, interval, woken = Agents(), 1.0, list[str]()
    theirs = [Sessions(url), Sessions(url)]
    stops = [threading.Event(), threading.Event()]
    watches = [
        Watch(s, agents.of(name), interval, woken.append)
        for s, name in zip(theirs, ("one", "other"), strict=True)
    ]
    threads = [
        threading.Thread(target=watch.keep, args=(stop,))
        for watch, stop in zip(watches, stops, strict=True)
    ]
    # One is alone at first, and the other at last: side by side one of them may do it all.
    threads[0].start()
    time.sleep(interval / 2)
    threads[1].start()
    time.sleep(interval)
    stops[0].set()
    time.sleep(1.5 * interval)
    stops[1].set()
    for thread, each in zip(threads, theirs, strict=True):
        thread.join()
        each.dispose()
    assert len(agents.asked) == 20
    for amphora, looks in agents.asked.items():
        assert 2 <= len(looks) <= 5
        moments = sorted(taken[amphora])
        assert len(moments) == len(looks), "asked by one that had not taken the look"
        pauses = [(b - a).total_seconds() for a, b in itertools.pairwise(moments)]
        assert all(pause >= 0.7 * interval for pause in pauses), pauses
    assert {worker for looks in agents.asked.values() for worker in looks} == {"one", "other"}
    assert woken == []


def test_many_looks_are_few_statements(sessions: Sessions) -> None:
    _fill(sessions, BATCH, firewall_digest="recorded")
    watch = Watch(sessions, Agents().of("one"), 10.0, lambda _job_id: None)
    queries = Queries(sessions)
    assert watch.look() == BATCH
    assert queries.number <= 12  # SQLite counts the begin of each transaction
    seen = sessions.read(firewall_checks.watched)
    assert {(w.failures, w.missing, w.checked_at is None) for w in seen} == {(0, (), False)}
    assert len({w.due_at for w in seen}) > 1
