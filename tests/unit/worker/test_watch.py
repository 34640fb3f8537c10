"""Firewalls that are not what was applied, from the look to the repair."""

from __future__ import annotations

import concurrent.futures
import datetime
import logging
import threading
import time

import pytest
import sqlalchemy as sa

from sriov_provider.amphora.base import FirewallState
from sriov_provider.db import firewall_checks, jobs, models
from sriov_provider.db.engine import Sessions
from sriov_provider.db.firewall_checks import Watched
from sriov_provider.db.types import utcnow
from sriov_provider.errors import Code, ProviderError
from sriov_provider.records import Action, JobState
from sriov_provider.worker.watch import BATCH, Watch
from tests.fakes import errors
from tests.fakes.amphora import digest
from tests.unit.worker import scenes
from tests.unit.worker.harness import World

INTERVAL = 10.0


class Watcher:
    """Looks at the world's amphorae whenever it is told to, with a clock of its own."""

    def __init__(self, world: World, sessions: Sessions | None = None) -> None:
        self.world = world
        self.woken: list[str] = []
        self.now = utcnow()
        self.watch = Watch(sessions or world.sessions, world.amphora, INTERVAL, self.woken.append)

    def look(self, after: float = INTERVAL) -> int:
        """:param after: seconds since the last look"""
        self.now += datetime.timedelta(seconds=after)
        return self.watch.look(self.now)

    def seen(self, lb: str) -> Watched:
        (found,) = self.world.sessions.read(lambda s: firewall_checks.watched(s, lb))
        return found


@pytest.fixture
def lb(world: World) -> str:
    return scenes.working(world).lb


@pytest.fixture
def watcher(world: World) -> Watcher:
    return Watcher(world)


def of(caplog: pytest.LogCaptureFixture, text: str) -> list[str]:
    return [m for m in caplog.messages if text in m]


def test_rules_that_are_in_force_are_left_alone(world: World, lb: str, watcher: Watcher) -> None:
    assert watcher.look() == 1
    assert watcher.look(0.0) == 0
    assert watcher.look() == 1
    assert world.calls.log == ["firewall", "firewall"]
    assert world.run_all() == []
    seen = watcher.seen(lb)
    assert (seen.failures, seen.drifts, seen.missing) == (0, 0, ())
    assert seen.checked_at is not None


def forget_digest(world: World, amphora_id: str) -> None:
    """As a worker does before it applies rules, if the answer never comes."""
    query = sa.update(models.Amphora).where(models.Amphora.id == amphora_id)
    world.sessions.run(lambda s: jobs.changed(s, query.values(firewall_digest=None)))


def test_a_drift_is_repaired_told_once_and_counted(
    world: World, lb: str, watcher: Watcher, caplog: pytest.LogCaptureFixture
) -> None:
    inside, recorded = world.inside(lb), str(world.only_amphora(lb).firewall_digest)
    before = (inside.document, list(inside.configurations))
    inside.meddled = "of somebody else"
    watcher.look()
    (job,) = world.run_all()
    assert watcher.woken == [job.id]
    assert (job.action, job.load_balancer_id) == (Action.REPAIR, lb)
    assert (inside.document, inside.configurations) == before
    assert inside.meddled is None
    assert world.only_amphora(lb).firewall_digest == recorded == digest(inside.document)
    (told,) = of(caplog, "is not what was applied")
    for word in (world.only_amphora(lb).id, lb, recorded, "of somebody else"):
        assert word in told
    seen = watcher.seen(lb)
    assert (seen.drifts, seen.repairs, seen.repairs_failed, seen.failures) == (1, 1, 0, 0)
    watcher.look()
    assert world.run_all() == []


def test_a_configuration_that_was_changed_is_sent_again(
    world: World, lb: str, watcher: Watcher, caplog: pytest.LogCaptureFixture
) -> None:
    inside, before = world.inside(lb), world.only_amphora(lb)
    configured = len(inside.configurations)
    inside.changed = ("lb/haproxy.cfg",)
    watcher.look()
    (job,) = world.run_all()
    assert (job.action, job.object_id) == (Action.UPDATE, before.id)
    assert len(inside.configurations) == configured + 1
    assert inside.changed == ()
    assert world.only_amphora(lb) == before
    assert (world.undelivered(), world.reasons(lb)) == (0, ())
    (told,) = of(caplog, "somebody else has changed")
    assert before.id in told and "lb/haproxy.cfg" in told
    watcher.look(3 * INTERVAL)
    assert world.run_all() == []
    assert watcher.seen(lb).failures == 0


def test_a_configuration_that_stays_changed_is_sent_ever_less_often(
    world: World, lb: str, watcher: Watcher
) -> None:
    inside = world.inside(lb)
    for failures in range(1, 4):
        inside.changed = ("vrrp/octavia-keepalived.conf",)
        assert watcher.look(600.0) == 1
        assert watcher.seen(lb).failures == failures
        assert len(world.run_all()) == 1


def test_octavia_hears_nothing_of_a_repair(world: World, lb: str, watcher: Watcher) -> None:
    """A user's next request may have put the load balancer in PENDING_UPDATE by then."""
    world.inside(lb).meddled = "x"
    watcher.look()
    heard = world.agent.count()
    world.run_all()
    assert world.inside(lb).meddled is None
    assert world.agent.count() == heard
    assert (world.undelivered(), world.reasons(lb)) == (0, ())


def test_an_amphora_of_unknown_rules_gets_those_on_record(
    world: World, lb: str, watcher: Watcher, caplog: pytest.LogCaptureFixture
) -> None:
    forget_digest(world, world.only_amphora(lb).id)
    watcher.look()
    assert [job.action for job in world.run_all()] == [Action.REPAIR]
    assert world.only_amphora(lb).firewall_digest == digest(world.inside(lb).document)
    assert of(caplog, "is not what was applied") == []
    assert (watcher.seen(lb).drifts, watcher.seen(lb).repairs) == (0, 1)


def test_an_agent_that_cannot_tell_gets_the_rules(world: World, lb: str, watcher: Watcher) -> None:
    """As one whose table somebody deleted."""
    applied = len(world.inside(lb).documents)
    world.amphora.fail("firewall", errors.agent_error(), times=2)
    watcher.look()
    assert len(world.run_all()) == 1
    assert len(world.inside(lb).documents) == applied + 1
    assert (watcher.seen(lb).drifts, watcher.seen(lb).repairs) == (1, 1)


def test_an_unreachable_amphora_is_looked_at_ever_more_rarely(
    world: World, lb: str, watcher: Watcher, caplog: pytest.LogCaptureFixture
) -> None:
    world.amphora.is_up = lambda _amphora_id: False
    waits = []
    for failures in range(1, 9):
        watcher.look(600.0)
        seen = watcher.seen(lb)
        assert (seen.failures, seen.checked_at) == (failures, None)
        assert seen.due_at is not None
        waits.append((seen.due_at - watcher.now).total_seconds())
    assert 15 <= waits[0] < 20 < 30 <= waits[1] < 40 < 450 <= waits[-1] < 600
    assert world.run_all() == []
    (told,) = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert world.only_amphora(lb).id in told.getMessage()


def test_an_amphora_that_comes_back_gets_its_rules(world: World, lb: str, watcher: Watcher) -> None:
    world.amphora.is_up = lambda _amphora_id: False
    watcher.look()
    world.inside(lb).meddled = "boot"
    world.amphora.is_up = lambda _amphora_id: True
    watcher.look(600.0)
    world.run_all()
    assert world.inside(lb).meddled is None
    assert watcher.seen(lb).failures == 0


def test_an_amphora_that_rebooted_is_not_repaired(world: World, lb: str, watcher: Watcher) -> None:
    """It loads the kept document before its interfaces are up."""
    world.amphora.is_up = lambda _amphora_id: False
    watcher.look()
    world.amphora.is_up = lambda _amphora_id: True
    watcher.look(600.0)
    assert world.run_all() == []
    assert watcher.seen(lb).failures == 0


def test_a_repair_that_fails_is_looked_for_again_not_run_again(
    world: World, lb: str, watcher: Watcher, caplog: pytest.LogCaptureFixture
) -> None:
    """The jobs of users do not wait for it."""
    world.inside(lb).meddled = "x"
    world.amphora.fail("apply_firewall", errors.agent_error(), times=3)
    for failures in (1, 2, 3):
        watcher.look(600.0)
        (job,) = world.run_all()
        stored = world.sessions.read(lambda s, i=job.id: jobs.get(s, i))  # type: ignore[misc]
        assert stored is not None
        assert stored.state is JobState.FAILED
        seen = watcher.seen(lb)
        assert (seen.failures, seen.repairs_failed, seen.drifts) == (failures, failures, 1)
        assert seen.due_at is not None
        assert seen.due_at - utcnow() > datetime.timedelta(seconds=0.7 * INTERVAL * 2**failures)
    assert world.agent.provisioning(lb) == "ACTIVE"
    assert world.only_amphora(lb).firewall_digest is None
    assert len(of(caplog, "is not what was applied")) == 1
    watcher.look(600.0)
    world.run_all()
    seen = watcher.seen(lb)
    assert (seen.failures, seen.repairs, world.inside(lb).meddled) == (0, 1, None)


def test_a_kernel_that_does_not_keep_the_rules_is_no_repair(
    world: World, lb: str, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.inside(lb).meddled = "x"
    monkeypatch.setattr(world.amphora, "apply_firewall", lambda *_: FirewallState("", drifted=True))
    watcher.look()
    world.run_all()
    seen = watcher.seen(lb)
    assert (seen.repairs, seen.repairs_failed, seen.failures) == (0, 1, 1)


def test_rules_are_not_looked_at_while_a_job_is_to_be_run(
    world: World, lb: str, watcher: Watcher
) -> None:
    world.add_listener(lb, protocol_port=81)
    assert watcher.look() == 0
    assert [job.action for job in world.run_all()] == [Action.CREATE]
    assert watcher.look() == 1
    assert world.run_all() == []


@pytest.mark.parametrize("finished", [False, True])
def test_a_job_that_comes_while_the_agent_is_asked_is_no_drift(
    world: World, lb: str, watcher: Watcher, finished: bool
) -> None:
    """Whether it has ended by then or not, the answer is not about the rules on record."""
    asked: list[int] = []

    def meanwhile(_verb: str, when: str) -> None:
        if when == "before" and not asked:
            asked.append(1)
            world.add_listener(lb, protocol_port=81)
            if finished:
                world.run_all()

    world.amphora.observers.append(meanwhile)
    world.inside(lb).meddled = None if finished else "x"
    assert watcher.look() == 1
    assert (asked, watcher.woken) == ([1], [])
    actions = [job.action for job in world.run_all()]
    assert actions == ([] if finished else [Action.CREATE])


def test_a_suspicion_that_was_wrong_changes_nothing(
    world: World, lb: str, watcher: Watcher
) -> None:
    seen = watcher.seen(lb)
    assert watcher.watch.told(seen, FirewallState("of an old heartbeat"))
    assert not watcher.watch.told(seen, FirewallState("another one"))  # one job is there
    applied = len(world.inside(lb).documents)
    assert len(world.run_all()) == 1
    assert len(world.inside(lb).documents) == applied
    assert not watcher.watch.told(seen, FirewallState(str(seen.digest)))
    assert world.run_all() == []


def test_a_load_balancer_deleted_before_its_repair(world: World, lb: str, watcher: Watcher) -> None:
    world.inside(lb).meddled = "x"
    watcher.look()
    scenes.clean(world, lb)


@pytest.mark.parametrize("call", ["firewall", "apply_firewall"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_worker_that_dies_in_a_repair_leaves_it_to_the_next(
    world: World, lb: str, watcher: Watcher, call: str, when: str
) -> None:
    world.inside(lb).meddled = "x"
    watcher.look()
    world.calls.forget()
    world.calls.kill_at(("firewall", "apply_firewall").index(call), when)
    world.run_all()
    assert world.sessions.dead
    world.restart()
    (job,) = world.run_all()
    assert (job.action, job.attempt) == (Action.REPAIR, 2)
    assert world.only_amphora(lb).firewall_digest == digest(world.inside(lb).document)


def test_a_repair_that_kills_its_workers_ends(world: World, lb: str, watcher: Watcher) -> None:
    world.inside(lb).meddled = "x"
    watcher.look()
    for _ in range(3):
        world.calls.forget()
        world.calls.kill_at(0, "before")
        world.run_all()
        assert world.sessions.dead
        world.restart()
    (job,) = world.run_all()
    assert job.attempt == 4
    assert world.inside(lb).meddled == "x"
    assert (watcher.seen(lb).repairs_failed, watcher.seen(lb).failures) == (1, 1)


def test_an_interface_that_vanished_is_told_once_and_counted(
    world: World, lb: str, watcher: Watcher, caplog: pytest.LogCaptureFixture
) -> None:
    inside = world.inside(lb)
    mac = next(p.mac for p in world.inventory(lb).ports if p.mac)
    inside.gone.add(mac)
    for _ in range(3):
        watcher.look()
    assert world.run_all() == []
    (told,) = of(caplog, "no interface with MAC address")
    assert mac in told
    assert (watcher.seen(lb).missing, watcher.seen(lb).vanished) == ((mac,), 1)
    inside.gone.clear()
    watcher.look()
    assert watcher.seen(lb).missing == ()


def test_two_workers_share_the_looks(world: World) -> None:
    for _ in range(BATCH + 4):
        world.create_load_balancer()
    world.run_all()
    world.calls.forget()
    asked: list[str] = []
    again = Sessions(world.sessions._url)
    both = [Watcher(world), Watcher(world, again)]
    both[1].now = both[0].now
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        taken = [pool.submit(lambda w=w: [w.look(), w.look(0.0)]) for w in both]  # type: ignore[misc]
        total = sum(sum(run.result()) for run in taken)
    again.dispose()
    asked = [call.args[0].amphora_id for call in world.amphora.log if call.verb == "firewall"]
    assert len(asked) == len(set(asked)) == total == BATCH + 4


def test_agents_are_asked_side_by_side_with_a_bound(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(8):
        world.create_load_balancer()
    world.run_all()
    running, most = [0], [0]
    lock, tell = threading.Lock(), world.amphora.firewall

    def slowly(*args: object, **options: object) -> FirewallState:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.05)
        with lock:
            running[0] -= 1
        return tell(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(world.amphora, "firewall", slowly)
    assert Watcher(world).look() == 8
    assert most == [4]
    assert [t.name for t in threading.enumerate() if t.name.startswith("firewall")] == []


def test_a_database_that_is_away_does_not_end_the_watch(
    world: World, lb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch(world.sessions, world.amphora, 0.1, lambda _job: None)
    stop, looks = threading.Event(), []

    def look() -> int:
        looks.append(1)
        if len(looks) == 3:
            stop.set()
        raise ProviderError(Code.DATABASE, "away", "refused", retriable=True)

    monkeypatch.setattr(watch, "look", look)
    watch.keep(stop)
    assert len(looks) == 3
