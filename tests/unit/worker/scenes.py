"""Situations that many tests start from."""

from __future__ import annotations

import dataclasses
from typing import Any

from tests.unit.worker import api
from tests.unit.worker.harness import World


@dataclasses.dataclass(frozen=True)
class Scene:
    """One load balancer that works, by the ids of what it is made of.

    :ivar direct: a member on net-1, behind a VF; ``normal``: one on net-2, behind a tap
    """

    lb: str
    listener: str
    pool: str
    direct: str
    normal: str
    monitor: str
    policy: str
    rule: str

    @property
    def ids(self) -> tuple[str, ...]:
        return dataclasses.astuple(self)


def populated(world: World, lb_id: str = "lb-1") -> dict[str, Any]:
    """Children for :meth:`World.create_load_balancer`: one of everything."""
    pool = world.pool(lb_id, pool_id="pool")
    pool["members"] = [
        world.member("pool", "10.1.0.10", "sub-1", member_id="direct", vnic_type="direct"),
        world.member("pool", "10.2.0.10", "sub-2", member_id="normal"),
    ]
    pool["healthmonitor"] = {
        "healthmonitor_id": "monitor",
        "pool_id": "pool",
        "type": "HTTP",
        "delay": 5,
        "timeout": 3,
        "max_retries": 3,
        "admin_state_up": True,
    }
    rule: api.Node = {
        "l7rule_id": "rule",
        "l7policy_id": "policy",
        "type": "PATH",
        "compare_type": "STARTS_WITH",
        "value": "/admin",
        "admin_state_up": True,
    }
    policy: api.Node = {
        "l7policy_id": "policy",
        "listener_id": "listener",
        "action": "REJECT",
        "position": 1,
        "admin_state_up": True,
        "rules": [rule],
    }
    listener = world.listener(
        lb_id, listener_id="listener", default_pool_id="pool", l7policies=[policy]
    )
    return {"listeners": [listener], "pools": [pool]}


def working(world: World, **node: Any) -> Scene:
    """A populated load balancer that has become ACTIVE."""
    lb = world.create_load_balancer(**(populated(world) | node))
    world.run_all()
    scene = Scene(lb, "listener", "pool", "direct", "normal", "monitor", "policy", "rule")
    assert {world.agent.provisioning(i) for i in scene.ids} == {"ACTIVE"}
    world.calls.forget()
    return scene


def clean(world: World, lb: str) -> None:
    """Delete a load balancer and see that nothing is left of it anywhere."""
    world.delete_load_balancer(lb)
    world.run_all()
    assert world.agent.provisioning(lb) == "DELETED"
    assert world.cloud.left_over() == ()
    inventory = world.inventory(lb)
    assert (inventory.load_balancer, inventory.amphorae, inventory.ports) == (None, (), ())
    assert world.reasons(lb) == ()
