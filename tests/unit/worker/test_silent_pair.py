"""A pair of which nobody answers: it may be the worker that is cut off, while both still serve."""

from __future__ import annotations

import pytest

from sriov_provider import upkeep
from sriov_provider.records import AmphoraRecord
from tests.fakes import errors
from tests.fakes.state import Host
from tests.unit.worker.harness import World
from tests.unit.worker.operations import small
from tests.unit.worker.pairs import die, members, pair, place, whole
from tests.unit.worker.scenes import clean


def built(world: World, **more: str) -> str:
    lb = world.create_load_balancer(**(small(world) | pair(**more)))
    world.run_all()
    return lb


def cut_off(world: World) -> None:
    """The management network is away; the data plane is not."""
    world.amphora.is_up = lambda amphora_id: False
    world.amphora.fail("wait_ready", errors.unreachable(), times=None)


def back(world: World) -> None:
    world.amphora.is_up = lambda amphora_id: True
    world.amphora.heal()


def running(world: World, *amphorae: AmphoraRecord) -> set[str]:
    """Roles of those whose servers are still there."""
    return {a.role for a in amphorae if a.compute_id in world.cloud.servers}


@pytest.mark.parametrize(
    "more", [{}, {"anti_affinity": "strict"}, {"failover_strategy": "build_first"}]
)
def test_both_stay_while_nothing_new_answers(world: World, more: dict[str, str]) -> None:
    world.cloud.hosts["host-2"] = Host("host-2", [f"0000:af:03.{n}" for n in range(8)])
    lb = built(world, **more)
    old = members(world, lb)
    cut_off(world)
    world.failover(lb)
    world.run_all()
    assert world.agent.provisioning(lb) == "ERROR"
    for role in ("MASTER", "BACKUP"):
        place(world, upkeep.failover(old[role]))
        world.run_all()
    assert running(world, *old.values()) == {"MASTER", "BACKUP"}
    back(world)
    world.failover(lb)
    world.run_all()
    assert running(world, *old.values()) == set()
    assert whole(world, lb)["status"] == "ACTIVE"
    clean(world, lb)


@pytest.mark.parametrize("more", [{}, {"failover_strategy": "release_first"}])
@pytest.mark.parametrize("scarce", [False, True])
def test_the_last_one_is_never_given_up(world: World, more: dict[str, str], scarce: bool) -> None:
    """Whatever had to make room, and whoever is asked to be replaced."""
    lb = built(world, **more)
    expected, old = whole(world, lb), members(world, lb)
    if scarce:
        for host in world.cloud.hosts.values():
            host.free_vfs.clear()
    cut_off(world)
    for _ in range(2):
        for job in [upkeep.failover(a) for a in old.values()]:
            place(world, job)
            world.run_all()
        world.failover(lb)
        world.run_all()
    assert running(world, *old.values())
    back(world)
    world.failover(lb)
    world.run_all()
    assert whole(world, lb) == expected
    assert running(world, *old.values()) == set()


@pytest.mark.parametrize("more", [{}, {"anti_affinity": "strict"}])
def test_two_dead_ones_need_no_more_room_than_they_had(world: World, more: dict[str, str]) -> None:
    """Two hosts, and no VF beside the old ones."""
    lb = built(world, **more)
    expected, old = whole(world, lb), members(world, lb)
    for host in world.cloud.hosts.values():
        host.free_vfs.clear()
    die(world, *old.values())
    world.failover(lb)
    assert len(world.run_all()) == 1
    assert whole(world, lb) == expected
    assert running(world, *old.values()) == set()


def test_what_is_missing_is_built_before_the_other_one_goes(world: World) -> None:
    lb = built(world)
    expected, old = whole(world, lb), members(world, lb)
    world.cloud.fail("create_server", errors.quota(), times=None)
    die(world, old["BACKUP"])
    place(world, upkeep.failover(old["BACKUP"]))
    world.run_all()
    assert [a.role for a in world.inventory(lb).amphorae] == ["MASTER"]
    place(world, upkeep.failover(old["MASTER"]))
    world.run_all()
    assert running(world, old["MASTER"]) == {"MASTER"}
    world.cloud.heal()
    place(world, upkeep.failover(old["MASTER"]))
    world.run_all()
    assert whole(world, lb) == expected
    assert running(world, *old.values()) == set()
