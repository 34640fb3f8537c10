"""The dry run names each task a worker would run."""

from __future__ import annotations

from sriov_provider.worker import explain, trees
from sriov_provider.worker.run import Services
from tests.unit.worker.harness import SETTINGS, World
from tests.unit.worker.scenes import working


def steps(world: World, lb_id: str) -> list[str]:
    inventory = world.inventory(lb_id)
    return explain.steps(
        lb_id,
        inventory,
        trees.TreeReader(world.agent.get_loadbalancer, 0),
        Services(world.cloud, world.cloud, world.amphora, world.amphora, SETTINGS),
        world.sessions,
        world.cloud,
    )


def test_each_task_in_order_and_no_group_of_tasks(world: World) -> None:
    lb_id = working(world).lb
    amphora = world.only_amphora(lb_id).id
    assert steps(world, lb_id) == [
        f"EnsureSecurityGroup:{lb_id}",
        f"CloseFirewall:{amphora}",
        f"Configure:{amphora}",
        f"SyncGroupRules:{lb_id}",
        f"OpenFirewall:{amphora}",
        f"MarkReady:{amphora}",
    ]


def test_nothing_is_carried_out(world: World) -> None:
    lb_id = world.create_load_balancer()
    assert any(step.startswith("EnsureServer:") for step in steps(world, lb_id))
    assert world.inventory(lb_id).amphorae == ()
