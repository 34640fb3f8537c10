"""Load balancers that lack an amphora are seen by what is there, whatever job has left them so."""

from __future__ import annotations

import dataclasses
import datetime

import pytest

from sriov_provider import upkeep
from sriov_provider.db import jobs
from sriov_provider.db.types import utcnow
from sriov_provider.health import failovers
from sriov_provider.health.counts import Counts
from sriov_provider.health.failovers import Failovers
from sriov_provider.health.policy import Decision, Rules, Verdict
from tests.fakes import errors
from tests.fakes.state import Host
from tests.unit.worker import scenes
from tests.unit.worker.harness import SETTINGS, SRIOV, World
from tests.unit.worker.pairs import PAIR, die, place

NO_HOTPLUG = dataclasses.replace(
    SETTINGS, amphora=dataclasses.replace(SETTINGS.amphora, hotplug=False)
)


@pytest.fixture
def ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """The health manager's clock, so far that no back-off is left."""
    later = datetime.timedelta(hours=2)
    monkeypatch.setattr(failovers, "utcnow", lambda: utcnow() + later)


def look(world: World) -> tuple[Decision, ...]:
    """All decisions but those about amphorae that were never heard."""
    manager = Failovers(world.sessions, Rules(), Counts())
    manager._listening_since -= datetime.timedelta(hours=1)
    found = manager.check()
    return tuple(d for d in found if d.verdict is not Verdict.UNHEARD)


def nova_fails(world: World) -> None:
    world.cloud.fail("create_server", errors.server_error(), times=None)


@pytest.mark.usefixtures("ahead")
def test_a_change_that_lost_the_amphora_is_put_right(world: World) -> None:
    world.cloud.hosts["host-1"] = Host("host-1", [f"0000:af:02.{n}" for n in range(8)])
    world.restart(NO_HOTPLUG)
    lb = world.create_load_balancer(flavor=SRIOV | {"failover_strategy": "release_first"})
    world.run_all()
    pool = world.add_pool(lb)
    world.run_all()
    assert look(world) == ()
    world.add_member(pool, "10.1.0.10", "sub-1", vnic_type="direct")
    nova_fails(world)
    world.run_all()
    assert world.inventory(lb).amphorae == ()
    assert world.agent.provisioning(lb) == "ACTIVE"
    world.cloud.heal()
    (decision,) = look(world)
    assert (decision.verdict, decision.reason) == (Verdict.FAIL_OVER, "no amphora serves")
    assert look(world) == ()
    world.run_all()
    assert look(world) == ()
    assert len(world.inventory(lb).amphorae) == 1
    scenes.clean(world, lb)


@pytest.mark.usefixtures("ahead")
def test_one_of_two_is_missed_when_the_job_that_lost_it_is_forgotten(world: World) -> None:
    scene = scenes.working(world, flavor=PAIR)
    first = world.inventory(scene.lb).amphorae[0]
    die(world, first)
    place(world, upkeep.failover(first))
    nova_fails(world)
    world.run_all()
    assert len(world.inventory(scene.lb).amphorae) == 1
    forgotten = utcnow() + datetime.timedelta(days=1)
    world.sessions.run(lambda s: jobs.purge(s, forgotten, 1000))
    (decision,) = look(world)
    assert (decision.verdict, decision.missing) == (Verdict.FAIL_OVER, True)
    assert decision.reason == "one of two amphorae is missing"
    world.cloud.heal()
    world.run_all()
    assert look(world) == ()


@pytest.mark.usefixtures("ahead")
def test_what_was_never_built_or_is_to_go_is_left_alone(world: World) -> None:
    nova_fails(world)
    new = world.create_load_balancer()
    assert look(world) == ()
    world.run_all()
    assert world.agent.provisioning(new) == "ERROR"
    assert look(world) == ()
    world.cloud.heal()
    old = world.create_load_balancer()
    world.run_all()
    world.cloud.fail("delete_port", errors.server_error(), times=None)
    world.delete_load_balancer(old)
    assert look(world) == ()
    world.run_all()
    assert world.agent.provisioning(old) == "ERROR"
    assert world.inventory(old).amphorae == ()
    assert look(world) == ()
