"""The operations that failures are injected into, each repeatable in one world."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from tests.unit.worker.harness import SRIOV, World

KEEP = "lb-1"


def small(world: World) -> dict[str, list[dict[str, object]]]:
    """A listener, a pool and a member behind a VF."""
    lb = f"lb-{world.balancers + 1}"
    pool = world.pool(lb)
    member = world.member(pool["pool_id"], "10.1.0.10", "sub-1", vnic_type="direct")
    pool["members"] = [member]
    return {"pools": [pool], "listeners": [world.listener(lb, default_pool_id=pool["pool_id"])]}


@dataclasses.dataclass(frozen=True)
class Operation:
    """
    :ivar prepare: answers the load balancer the operation is about, if there has to be one
    :ivar start: asks for it; answers the load balancer and the object it is about
    :ivar finish: back to where ``prepare`` left the world
    """

    prepare: Callable[[World], object]
    start: Callable[[World], tuple[str, str]]
    finish: Callable[[World, str, str], object]


def _build(world: World) -> str:
    lb = world.create_load_balancer(**small(world))
    world.run_all()
    assert world.agent.provisioning(lb) == "ACTIVE"
    return lb


def _create(world: World) -> tuple[str, str]:
    lb = world.create_load_balancer(**small(world))
    return lb, lb


def delete(world: World, lb: str) -> None:
    """The load balancer goes, if it is there."""
    if world.agent.provisioning(lb) != "DELETED":
        world.delete_load_balancer(lb)
        world.run_all()
    assert world.agent.provisioning(lb) == "DELETED"


def _pool(world: World) -> str:
    return str(world.agent.trees[KEEP]["pools"][0]["pool_id"])


def _add_member(world: World, subnet: str) -> tuple[str, str]:
    address = {"sub-2": "10.2.0.77", "sub-1b": "10.1.1.77", "vip-subnet-b": "10.0.1.77"}[subnet]
    direct = {"vnic_type": "direct"}
    return KEEP, world.add_member(_pool(world), address, subnet, **direct)


def _delete_child(world: World, _: str, child: str) -> None:
    world.delete(child)
    world.run_all()
    assert world.agent.provisioning(child) == "DELETED"


def _update_listener(world: World) -> tuple[str, str]:
    listener = str(world.agent.trees[KEEP]["listeners"][0]["listener_id"])
    world.update(listener, protocol_port=443, allowed_cidrs=["10.9.0.0/16"])
    return KEEP, listener


def _restore_listener(world: World, _: str, listener: str) -> None:
    world.update(listener, protocol_port=80, allowed_cidrs=[])
    world.run_all()


def _failover(world: World) -> tuple[str, str]:
    world.failover(KEEP)
    return KEEP, KEEP


def _delete_member(world: World) -> tuple[str, str]:
    """Of two members, the one on a network of its own."""
    _, member = _add_member(world, "sub-2")
    world.run_all()
    world.delete(member)
    return KEEP, member


def _create_booted(world: World) -> tuple[str, str]:
    flavor = SRIOV | {"vip_attach": "boot"}
    lb = world.create_load_balancer(flavor=flavor, **small(world))
    return lb, lb


def _delete_all(world: World, lb: str, _: str) -> None:
    delete(world, lb)


def _nothing(*_: object) -> None:
    """The operation undoes itself."""


OPERATIONS = {
    "create": Operation(_nothing, _create, _nothing),
    "create booted": Operation(_nothing, _create_booted, _delete_all),
    "member": Operation(_build, lambda w: _add_member(w, "sub-2"), _delete_child),
    "second subnet": Operation(_build, lambda w: _add_member(w, "sub-1b"), _delete_child),
    "vip network": Operation(_build, lambda w: _add_member(w, "vip-subnet-b"), _delete_child),
    "listener": Operation(_build, _update_listener, _restore_listener),
    "failover": Operation(_build, _failover, _nothing),
    "delete member": Operation(_build, _delete_member, _nothing),
}


def calls_of(world: World, operation: Operation) -> list[str]:
    """The calls of an undisturbed run."""
    lb, subject = operation.start(world)
    world.calls.forget()
    world.run_all()
    made = list(world.calls.log)
    operation.finish(world, lb, subject)
    return made
