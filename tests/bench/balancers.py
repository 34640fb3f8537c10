"""The plan of a load balancer with many members."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable

from sriov_provider import config, tree
from sriov_provider.records import Action, Inventory, Job, ObjectRef, ObjectType
from sriov_provider.worker import plan
from sriov_provider.worker.plan_model import Facts

SIZES = (10, 100, 1_000)
NETWORKS = 5
CREATE = Job(
    "job",
    "lb",
    Action.CREATE,
    ObjectType.LOADBALANCER,
    "lb",
    (ObjectRef(ObjectType.LOADBALANCER, "lb", Action.CREATE),),
    attempt=1,
)


@functools.cache
def load_balancer(members: int) -> tree.LoadBalancer:
    """One pool whose members are spread over a few subnets."""
    pool = tree.Pool(
        id="pool",
        protocol="TCP",
        lb_algorithm="ROUND_ROBIN",
        members=tuple(
            tree.Member(
                id=f"member-{n}",
                pool_id="pool",
                address=f"192.0.{n // 250}.{n % 250 + 1}",
                port=80,
                subnet_id=f"subnet-{n % NETWORKS}",
            )
            for n in range(members)
        ),
    )
    listener = tree.Listener(id="listener", protocol="TCP", port=80, default_pool_id="pool")
    return tree.LoadBalancer(
        "lb",
        "project",
        "198.51.100.5",
        "port",
        "subnet",
        "network",
        flavor={"sriov_vip": True},
        listeners=(listener,),
        pools=(pool,),
    )


def make(members: int) -> object:
    """The plan of a create; ids are counted, so that it stays a pure function."""
    numbers = itertools.count()
    facts = Facts(
        settings=config.Amphora(boot_networks=("management",)),
        networks={f"subnet-{n}": f"network-{n}" for n in range(NETWORKS)},
        new_id=lambda: f"id-{next(numbers)}",
    )
    return plan.make(CREATE, load_balancer(members), Inventory(None), facts)


ROWS: dict[str, Callable[[int], object]] = {"plan of a create": make}
