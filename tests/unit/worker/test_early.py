"""Member interfaces attached before their turn."""

from __future__ import annotations

import threading
import time

import pytest

from sriov_provider.amphora.base import NetworkPlug
from sriov_provider.network.base import PortSpec
from tests.fakes import errors
from tests.unit.worker.harness import SRIOV, World
from tests.unit.worker.pairs import die, members, pair
from tests.unit.worker.scenes import Scene, clean, working
from tests.unit.worker.shape import leaked

HOLD = 10.0


def hold(world: World, verb: str, until: str, times: int) -> list[bool]:
    """Each call of the verb waits for so many others; gives back whether they came."""
    came: list[bool] = []
    lock = threading.Lock()

    def wait(seen: str, when: str) -> None:
        if (seen, when) != (verb, "before"):
            return
        deadline = time.monotonic() + HOLD
        while world.calls.log.count(until) < times and time.monotonic() < deadline:
            time.sleep(0.01)
        with lock:
            came.append(world.calls.log.count(until) >= times)

    for fake in (world.cloud, world.amphora):
        fake.observers.append(wait)
    return came


def failed_over(world: World, scene: Scene) -> None:
    world.calls.forget()
    world.failover(scene.lb)
    assert len(world.run_all()) == 1
    assert world.agent.provisioning(scene.lb) == "ACTIVE"
    assert world.pending() == []
    assert leaked(world) == []


def test_ports_are_made_while_a_server_boots(threaded: World) -> None:
    came = hold(threaded, "get_server", "create_port", 3)
    scene = working(threaded)
    assert came[0]
    assert threaded.served_members(scene.lb) == {scene.direct, scene.normal}


def test_members_are_attached_while_the_agent_starts(threaded: World) -> None:
    came = hold(threaded, "wait_ready", "attach_port", 3)
    scene = working(threaded)
    assert came == [True]
    assert threaded.served_members(scene.lb) == {scene.direct, scene.normal}


def test_one_of_a_pair_that_is_dead_is_replaced_like_that(threaded: World) -> None:
    scene = working(threaded, **pair())
    dead = members(threaded, scene.lb)["BACKUP"]
    die(threaded, dead)
    came = hold(threaded, "wait_ready", "attach_port", 3)
    threaded.failover(scene.lb)
    threaded.run_all()
    assert came[0]
    assert threaded.agent.provisioning(scene.lb) == "ACTIVE"


def test_room_that_comes_with_the_end_of_the_one_before(threaded: World) -> None:
    """One spare VF is for the VIP."""
    del threaded.cloud.hosts["host-1"]
    scene = working(threaded)
    free = threaded.cloud.hosts["host-0"].free_vfs
    del free[1:]
    failed_over(threaded, scene)
    log = threaded.calls.log
    last = len(log) - log[::-1].index("attach_port") - 1
    assert log.index("delete_server") < last
    assert "stand_down" not in log
    assert threaded.served_members(scene.lb) == {scene.direct, scene.normal}
    assert threaded.reasons(scene.lb) == ()
    clean(threaded, scene.lb)


@pytest.mark.parametrize("error", [errors.no_address(), errors.quota()])
def test_an_address_that_comes_with_the_end_of_the_one_before(
    threaded: World, error: Exception
) -> None:
    scene = working(threaded)
    there = {p.neutron_id for p in threaded.inventory(scene.lb).ports}

    def refuse(spec: PortSpec) -> Exception | None:
        full = there & threaded.cloud.port_rows.keys()
        return error if full and spec.network_id == "net-1" else None

    threaded.cloud.fail("create_port", refuse, times=None)
    failed_over(threaded, scene)
    assert threaded.calls.log.count("create_port") == 4  # net-1's before its turn, and in its turn
    assert "stand_down" not in threaded.calls.log
    assert threaded.served_members(scene.lb) == {scene.direct, scene.normal}
    assert threaded.reasons(scene.lb) == ()
    threaded.cloud.heal()
    clean(threaded, scene.lb)


@pytest.mark.parametrize("verb", ["create_port", "attach_port"])
def test_an_answer_that_got_lost_before_its_turn(threaded: World, verb: str) -> None:
    """A guest that still boots is asked to let go of nothing; nothing is made or claimed twice."""
    scene = working(threaded)
    rows, old = threaded.cloud.port_rows, set(threaded.cloud.port_rows)

    def lose(what: object, port: str = "") -> Exception | None:
        network = what.network_id if isinstance(what, PortSpec) else rows[port].network_id
        return errors.timeout() if network == "net-1" else None

    threaded.cloud.fail(verb, lose, after=True)
    failed_over(threaded, scene)
    assert threaded.served_members(scene.lb) == {scene.direct, scene.normal}
    assert "detach_port" not in threaded.calls.log
    assert threaded.cloud.lost_vfs == []
    assert old.isdisjoint({p.neutron_id for p in threaded.inventory(scene.lb).ports})
    clean(threaded, scene.lb)


def test_what_could_not_be_bound_is_not_tried_twice(world: World) -> None:
    """Each try costs a VF until the server goes."""
    scene = working(world)
    rows = world.cloud.port_rows

    def refuse(_: str, port: str) -> Exception | None:
        return errors.binding_failed() if rows[port].network_id == "net-1" else None

    world.cloud.fail("attach_port", refuse, times=None)
    failed_over(world, scene)
    assert world.calls.log.count("attach_port") == 3  # VIP, net-1, net-2
    assert world.agent.provisioning(scene.direct) == "ERROR"
    assert world.codes(scene.direct, scene.lb) == ["binding-failed"]
    assert world.agent.provisioning(scene.normal) == "ACTIVE"


def test_what_was_detached_again_is_attached_again(world: World) -> None:
    """Though its port could not be deleted in between."""
    scene = working(world)
    rows, old = world.cloud.port_rows, set(world.cloud.port_rows)

    def keep(port: str) -> Exception | None:
        new = port not in old and rows[port].network_id == "net-1"
        return errors.server_error() if new else None

    def refuse(_: object, plug: NetworkPlug) -> Exception | None:
        mine = any(subnet.id == "sub-1" for _, subnet in plug.addresses)
        return errors.unreachable() if mine else None

    world.amphora.fail("plug_network", refuse)
    world.cloud.fail("delete_port", keep)
    world.failover(scene.lb)
    world.run_all()
    ports = world.inventory(scene.lb).ports
    on_servers = {p.id for p in world.cloud.port_rows.values() if p.device_id}
    assert {p.neutron_id for p in ports} <= on_servers
    assert world.served_members(scene.lb) == {scene.direct, scene.normal}
    assert world.cloud.lost_vfs == []
    clean(world, scene.lb)


def test_a_guest_that_never_came_up_is_asked_to_let_go_of_nothing(threaded: World) -> None:
    """Its server goes first."""
    scene = working(threaded, flavor=SRIOV | {"failover_strategy": "release_first"})
    threaded.amphora.fail("wait_ready", errors.unreachable(), times=None)
    hold(threaded, "wait_ready", "attach_port", 3)
    threaded.calls.forget()
    threaded.failover(scene.lb)
    threaded.run_all()
    assert threaded.calls.log.count("wait_ready") == 3
    assert "detach_port" not in threaded.calls.log
    assert leaked(threaded) == []
    threaded.amphora.heal()
    clean(threaded, scene.lb)


def test_a_member_that_gets_no_port_is_its_own_matter(world: World) -> None:
    scene = working(world)
    refuse = {"net-1": errors.server_error()}
    world.cloud.fail("create_port", lambda spec: refuse.get(spec.network_id), times=None)
    world.failover(scene.lb)
    world.run_all()
    assert world.agent.provisioning(scene.lb) == "ACTIVE"
    assert world.agent.provisioning(scene.direct) == "ERROR"
    assert world.served_members(scene.lb) == {scene.normal}
    assert world.cloud.left_over()
    world.cloud.heal()
    world.delete_load_balancer(scene.lb)
    world.run_all()
    assert world.cloud.left_over() == ()


@pytest.mark.parametrize("flavor", [{}, pair()], ids=["single", "pair"])
def test_neutron_calls_of_a_failover(world: World, flavor: dict[str, object]) -> None:
    """One member interface; of a pair both amphorae are replaced."""
    lb = world.create_load_balancer(**flavor)
    pool = world.add_pool(lb)
    world.run_all()
    world.add_member(pool, "10.1.0.10", "sub-1", vnic_type="direct")
    world.run_all()
    world.calls.forget()
    world.failover(lb)
    world.run_all()
    assert world.agent.provisioning(lb) == "ACTIVE"
    assert len(world.calls.network) <= (12 if flavor else 7), world.calls.network
