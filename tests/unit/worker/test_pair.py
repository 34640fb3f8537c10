"""Two amphorae: built, changed and replaced one after the other."""

from __future__ import annotations

from typing import Any

import pytest

from sriov_provider import upkeep
from sriov_provider.db import firewall_checks
from sriov_provider.records import AmphoraState
from tests.fakes import errors
from tests.unit.worker.harness import World
from tests.unit.worker.operations import small
from tests.unit.worker.pairs import die, members, pair, place, whole
from tests.unit.worker.scenes import clean, working
from tests.unit.worker.test_watch import Watcher


def built(world: World, **more: Any) -> str:
    lb = world.create_load_balancer(**(small(world) | pair(**more)))
    world.run_all()
    return lb


def order(world: World, *verbs: str) -> list[str]:
    return [v for v in world.calls.log if v in verbs]


def test_both_are_built_at_once_and_know_each_other(world: World) -> None:
    with world.counted():
        lb = built(world)
        assert order(world, "create_server", "wait_ready") == [
            *("create_server", "create_server"),
            *("wait_ready", "wait_ready"),
        ]
    after = whole(world, lb)
    assert after["status"] == "ACTIVE"
    assert after["vfs"] == 4
    made = [c.args[0] for c in world.cloud.log if c.verb == "create_port"]
    allowed = [p.allowed_addresses for p in made if p.network_id == "vip-net"]
    assert allowed == [(world.agent.trees[lb]["vip_address"],)] * 2
    clean(world, lb)


@pytest.mark.parametrize(
    ("flavor", "policy"),
    [
        ({"anti_affinity": "strict"}, "anti-affinity"),
        ({"anti_affinity": "soft"}, "soft-anti-affinity"),
        ({"anti_affinity": "off"}, None),
    ],
)
def test_anti_affinity(world: World, flavor: dict[str, str], policy: str | None) -> None:
    lb = built(world, **flavor)
    assert [g.policy for g in world.cloud.server_groups.values()] == ([policy] if policy else [])
    groups = {s.spec.server_group_id for s in world.cloud.servers.values()}
    assert groups == {next(iter(world.cloud.server_groups), None)}
    clean(world, lb)


def test_a_shared_host_is_told(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.cloud._schedule = lambda spec: "host-0"  # type: ignore[method-assign]
    built(world, anti_affinity="off")
    assert "are both on host host-0" in caplog.text


def test_vips_of_both_families(world: World) -> None:
    vip6 = {
        "ip_address": "fd00::99",
        "subnet_id": "vip6-subnet",
        "port_id": "vip6-port",
        "network_id": "vip-net",
    }
    lb = world.create_load_balancer(
        **pair(),
        additional_vips=[vip6],
        listeners=[world.listener("lb-1", listener_id="listener")],
    )
    world.run_all()
    found = members(world, lb)
    for one in found.values():
        plug = world.amphora.of(one.id).vip
        assert plug is not None
        assert [a for a, _ in plug.additional] == ["fd00::99"]
    assert whole(world, lb)["status"] == "ACTIVE"


def test_a_listener_needs_no_keepalived(world: World) -> None:
    lb = built(world)
    with world.counted() as calls:
        world.add_listener(lb, protocol_port=443)
        world.run_all()
    assert "configure_vrrp" not in calls.log
    assert calls.network == []
    assert calls.log.count("configure") == 2


def test_member_without_a_vf_on_one_of_two_is_served_by_neither(world: World) -> None:
    scene = working(world, **pair(anti_affinity="strict"))
    world.cloud.hosts["host-1"].free_vfs.clear()
    member = world.add_member(scene.pool, "10.3.0.9", "sub-3", vnic_type="direct")
    world.run_all()
    assert world.agent.provisioning(member) == "ERROR"
    assert [p for p in world.inventory(scene.lb).ports if p.network_id == "net-3"] == []
    assert whole(world, scene.lb)["vfs"] == 4


@pytest.mark.parametrize("strategy", ["build_first", "release_first"])
def test_failover_replaces_one_after_the_other(world: World, strategy: str) -> None:
    lb = built(world, failover_strategy=strategy)
    before, expected = members(world, lb), whole(world, lb)
    with world.counted() as calls:
        world.failover(lb)
        (job,) = world.run_all()
        made, gone = "create_server", "delete_server"
        turns = [gone, made] * 2 if strategy == "release_first" else [made, made, gone, gone]
        assert order(world, made, gone) == turns
        assert len(calls.network) <= 24
    after = members(world, lb)
    assert {a.id for a in before.values()}.isdisjoint(a.id for a in after.values())
    assert {a.built_by for a in after.values()} == {job.id}
    assert whole(world, lb) == expected
    clean(world, lb)


def test_the_one_that_goes_hands_the_vip_over(world: World) -> None:
    """And if it cannot: the other one takes it all the same."""
    lb = built(world)
    old, expected = members(world, lb), whole(world, lb)
    world.amphora.fail("stop_vrrp", errors.unreachable())
    with world.counted() as calls:
        world.failover(lb)
        assert len(world.run_all()) == 1
        handed = [i for i, verb in enumerate(calls.log) if verb == "stop_vrrp"]
        gone = [i for i, verb in enumerate(calls.log) if verb == "delete_server"]
    assert len(handed) == 2
    assert handed[0] < gone[0] < handed[1] < gone[1]
    assert world.amphora.of(old["MASTER"].id).order[-1] == "stop_vrrp"
    assert whole(world, lb) == expected


def test_the_one_that_stays_after_all_stands_by_again(world: World) -> None:
    lb = built(world)
    old = members(world, lb)
    world.amphora.fail("plug_vip", errors.firewall_refused(), times=None)
    world.failover(lb)
    world.run_all()
    assert {r: a.id for r, a in members(world, lb).items()} == {r: a.id for r, a in old.items()}
    orders = [world.amphora.of(a.id).order for a in old.values()]
    assert [o[-2:] for o in orders if "stop_vrrp" in o] == [["stop_vrrp", "start_vrrp"]]


def test_survivor_knows_the_new_peer_before_that_starts(world: World) -> None:
    lb = built(world)
    old = members(world, lb)
    survivor = world.amphora.of(old["MASTER"].id)
    survivor.order.clear()
    place(world, upkeep.failover(old["BACKUP"]))
    with world.counted():
        world.run_all()
    new = members(world, lb)
    assert new["MASTER"].id == old["MASTER"].id
    assert new["BACKUP"].id != old["BACKUP"].id
    started = [c.args[0].amphora_id for c in world.amphora.log if c.verb == "configure_vrrp"][-2:]
    assert started == [new["MASTER"].id, new["BACKUP"].id]
    assert survivor.order[-2:] == ["apply_firewall", "configure_vrrp"]
    assert whole(world, lb)["status"] == "ACTIVE"


@pytest.mark.parametrize("role", ["MASTER", "BACKUP"])
def test_failover_of_one_is_no_matter_of_octavia(world: World, role: str) -> None:
    lb = built(world)
    expected, old = whole(world, lb), members(world, lb)
    world.agent.statuses.clear()
    place(world, upkeep.failover(old[role]))
    world.run_all()
    assert world.agent.statuses == {}
    world.agent.statuses["loadbalancers", lb] = {"provisioning_status": "ACTIVE"}
    assert whole(world, lb) == expected
    (other,) = set(old) - {role}
    assert members(world, lb)[other].id == old[other].id


def test_failed_failover_of_one_leaves_octavia_alone_and_can_be_placed_again(world: World) -> None:
    lb = built(world)
    expected, old = whole(world, lb), members(world, lb)
    world.cloud.fail("create_server", errors.quota())
    place(world, upkeep.failover(old["BACKUP"]))
    world.run_all()
    assert world.agent.provisioning(lb) == "ACTIVE"
    assert whole(world, lb) == expected
    assert world.codes(old["BACKUP"].id, lb) == ["quota"]
    place(world, upkeep.failover(old["BACKUP"]))
    world.run_all()
    assert whole(world, lb) == expected
    assert world.reasons(lb) == ()


def test_failover_of_one_heals_what_was_in_error(world: World) -> None:
    """But not before a user's own request, which Octavia has locked the load balancer for."""
    lb = built(world)
    expected = whole(world, lb)
    # Each tries again at once, without building ahead.
    world.cloud.fail("create_server", errors.quota(), times=4)
    world.failover(lb)
    world.run_all()
    assert world.agent.provisioning(lb) == "ERROR"
    world.failover(lb)
    world.run_all()
    assert world.agent.provisioning(lb) == "ERROR"
    place(world, upkeep.failover(members(world, lb)["BACKUP"]))
    world.failover(lb)
    first = world.claim()
    assert first is not None
    world.run(first)
    world.deliver()
    assert world.agent.provisioning(lb) == "PENDING_UPDATE"
    world.run_all()
    assert whole(world, lb) == expected


def test_failover_of_one_alone_heals_too(world: World) -> None:
    lb = built(world)
    expected = whole(world, lb)
    world.cloud.fail("create_server", errors.quota(), times=2)
    world.failover(lb)
    world.run_all()
    assert world.agent.provisioning(lb) == "ERROR"
    place(world, upkeep.failover(members(world, lb)["BACKUP"]))
    world.run_all()
    assert whole(world, lb) == expected
    assert world.reasons(lb) == ()


def test_failover_that_lost_one_is_ended_by_the_next(world: World) -> None:
    """The old one was given up first and no new one could be built: the other serves on."""
    lb = built(world, failover_strategy="release_first")
    expected, old = whole(world, lb), members(world, lb)
    world.cloud.fail("create_server", errors.quota(), times=None)
    place(world, upkeep.failover(old["BACKUP"]))
    world.run_all()
    assert [a.id for a in world.inventory(lb).amphorae] == [old["MASTER"].id]
    assert world.agent.provisioning(lb) == "ACTIVE"
    world.add_pool(lb)
    world.run_all()
    assert world.agent.provisioning(lb) == "ACTIVE"
    world.cloud.heal()
    place(world, upkeep.failover(old["BACKUP"]))
    world.run_all()
    assert whole(world, lb) == expected


@pytest.mark.parametrize("role", ["MASTER", "BACKUP"])
def test_change_goes_on_without_the_one_that_is_dead(world: World, role: str) -> None:
    lb = built(world)
    old = members(world, lb)
    die(world, old[role])
    before = world.clock.now
    listener = world.add_listener(lb, protocol_port=443)
    assert len(world.run_all()) == 1
    assert world.agent.provisioning(listener) == "ACTIVE"
    assert world.clock.now - before < 5
    assert members(world, lb)[role].state is AmphoraState.STALE
    assert len(world.amphora.of(old[role].id).configurations[-1].load_balancer.listeners) == 1
    # it is back
    world.amphora.is_up = lambda amphora_id: True
    place(world, upkeep.refresh(members(world, lb)[role]))
    world.run_all()
    assert whole(world, lb)["status"] == "ACTIVE"


def test_the_one_that_is_back_is_brought_up_to_date(world: World) -> None:
    """By the looks at its firewall, at longer and longer intervals where that does not help."""
    lb = built(world)
    expected, watcher = whole(world, lb), Watcher(world)
    die(world, members(world, lb)["BACKUP"])
    pool = world.add_pool(lb)
    world.run_all()
    watcher.look()
    assert world.run_all() == []
    world.amphora.is_up = lambda amphora_id: True
    world.amphora.fail("configure_vrrp", errors.firewall_refused())
    watcher.look(60)
    (job,) = world.run_all()
    assert job.id in watcher.woken
    assert members(world, lb)["BACKUP"].state is AmphoraState.STALE
    assert world.agent.provisioning(lb) == "ACTIVE"
    watcher.look(60)
    world.run_all()
    assert whole(world, lb) == expected
    assert world.agent.provisioning(pool) == "ACTIVE"
    seen = world.sessions.read(lambda s: firewall_checks.watched(s, lb))
    assert [(w.stale, w.failures) for w in seen if w.failures] == [(False, 3)]
    watcher.look(300)
    assert world.run_all() == []


def test_one_that_dies_in_the_middle_does_not_fail_the_job(world: World) -> None:
    lb = built(world)
    old = members(world, lb)

    def dies(*args: Any, **kwargs: Any) -> None:
        die(world, old["BACKUP"])

    world.amphora.fail("configure", dies)
    listener = world.add_listener(lb, protocol_port=443)
    (job,) = world.run_all()
    assert job.attempt == 1
    assert world.agent.provisioning(listener) == "ACTIVE"
    assert members(world, lb)["BACKUP"].state is AmphoraState.STALE


def test_both_dead_is_an_error_with_a_reason(world: World) -> None:
    lb = built(world)
    die(world, *members(world, lb).values())
    listener = world.add_listener(lb, protocol_port=443)
    world.run_all()
    assert world.agent.provisioning(listener) == "ERROR"
    assert world.codes(listener, lb) == ["agent-unreachable"]


@pytest.mark.parametrize(
    ("dead", "first"),
    [
        (("MASTER",), "delete_server"),
        (("BACKUP",), "delete_server"),
        (("MASTER", "BACKUP"), "create_server"),
    ],
)
def test_failover_of_the_dead(world: World, dead: tuple[str, ...], first: str) -> None:
    """What is dead makes room first, even where nothing says so; not where none answers."""
    lb = built(world)
    expected, old = whole(world, lb), members(world, lb)
    die(world, *(old[role] for role in dead))
    with world.counted():
        world.failover(lb)
        assert len(world.run_all()) == 1
        assert order(world, "create_server", "delete_server")[0] == first
    new = members(world, lb)
    gone = {a.compute_id for a in old.values()} - set(world.cloud.servers)
    assert len(gone) == 2
    assert {a.id for a in new.values()}.isdisjoint(a.id for a in old.values())
    assert whole(world, lb) == expected


def test_strict_anti_affinity_needs_no_third_host(world: World) -> None:
    lb = built(world, anti_affinity="strict")
    assert len(world.cloud.hosts) == 2
    expected = whole(world, lb)
    world.failover(lb)
    world.run_all()
    assert whole(world, lb) == expected
    assert len({a.host for a in members(world, lb).values()}) == 2


@pytest.mark.parametrize("boot", [{}, {"vip_attach": "boot"}])
def test_without_a_spare_vf_the_old_one_makes_room(world: World, boot: dict[str, str]) -> None:
    """Where nothing says that it must not: the other one serves meanwhile."""
    lb = built(world, **boot)
    expected = whole(world, lb)
    for host in world.cloud.hosts.values():
        host.free_vfs.clear()
    with world.counted():
        world.failover(lb)
        assert len(world.run_all()) == 1
    assert world.agent.provisioning(lb) == "ACTIVE"
    assert whole(world, lb) == expected


def test_told_to_build_first_it_gives_up_nothing(world: World) -> None:
    lb = built(world, failover_strategy="build_first")
    old = members(world, lb)
    for host in world.cloud.hosts.values():
        host.free_vfs.clear()
    world.failover(lb)
    world.run_all()
    assert world.codes(lb, lb) == ["no-vf"]
    assert members(world, lb) == old


def test_a_lone_amphora_is_not_asked_whether_it_answers(world: World) -> None:
    scene = working(world)
    with world.counted() as calls:
        world.add_listener(scene.lb, protocol_port=443)
        world.run_all()
    assert "probe" not in calls.log


def test_failover_of_a_lone_amphora_by_its_id(world: World) -> None:
    scene = working(world)
    old = world.only_amphora(scene.lb)
    place(world, upkeep.failover(old))
    world.run_all()
    new = world.only_amphora(scene.lb)
    assert new.id != old.id
    assert new.state is AmphoraState.READY
    place(world, upkeep.failover(old))
    world.run_all()
    assert world.only_amphora(scene.lb) == new
    clean(world, scene.lb)
