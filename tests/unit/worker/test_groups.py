"""Groups that somebody deleted are made anew with the next amphora."""

from __future__ import annotations

from typing import Any

import pytest

from sriov_provider.errors import ProviderError
from tests.fakes import errors
from tests.unit.worker.harness import SRIOV, World
from tests.unit.worker.operations import small
from tests.unit.worker.pairs import members, pair, whole
from tests.unit.worker.scenes import clean


def built(world: World, **node: Any) -> str:
    lb = world.create_load_balancer(**(small(world) | node))
    world.run_all()
    return lb


def refuse_unknown_groups(world: World) -> None:
    """As Nova does."""

    def refuse(spec: Any) -> ProviderError | None:
        known = spec.server_group_id in (None, *world.cloud.server_groups)
        return None if known else errors.not_found()

    world.cloud.fail("create_server", refuse, times=None)


@pytest.mark.parametrize("policy", ["strict", "soft"])
def test_server_group(world: World, policy: str) -> None:
    lb = built(world, **pair(anti_affinity=policy))
    expected, old = whole(world, lb), world.inventory(lb).load_balancer
    assert old is not None and old.server_group_id
    world.cloud.delete_server_group(old.server_group_id)
    refuse_unknown_groups(world)
    world.failover(lb)
    assert len(world.run_all()) == 1
    assert whole(world, lb) == expected
    (group,) = world.cloud.server_groups
    servers = [world.cloud.servers[a.compute_id or ""] for a in members(world, lb).values()]
    assert {s.spec.server_group_id for s in servers} == {group} != {old.server_group_id}
    world.cloud.heal()
    clean(world, lb)


def test_security_group(world: World) -> None:
    """Neutron deletes it once no port has it any more."""
    lb = built(world, flavor=SRIOV | {"failover_strategy": "release_first"})
    world.cloud.fail("create_server", errors.quota(), times=None)
    world.failover(lb)
    world.run_all()
    inventory = world.inventory(lb)
    assert inventory.ports == () and inventory.load_balancer is not None
    world.cloud.delete_security_group(inventory.load_balancer.security_group_id or "")
    world.cloud.heal()
    world.failover(lb)
    world.run_all()
    assert world.agent.provisioning(lb) == "ACTIVE"
    clean(world, lb)


def test_nobody_looks_for_what_cannot_be_gone(world: World) -> None:
    lb = built(world, **pair(anti_affinity="strict"))
    with world.counted() as calls:
        world.add_listener(lb, protocol_port=443)
        world.run_all()
        assert "ensure_server_group" not in calls.log
        world.failover(lb)
        world.run_all()
        assert "ensure_security_group" not in calls.log
