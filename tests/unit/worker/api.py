"""What octavia-api does around the driver: a tree of dicts, PENDING statuses, a late commit."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from octavia_lib.api.drivers import data_models

from tests.fakes.octavia import FakeDriverAgent

Node = dict[str, Any]

KEYS = {
    "loadbalancers": "loadbalancer_id",
    "listeners": "listener_id",
    "pools": "pool_id",
    "members": "member_id",
    "healthmonitors": "healthmonitor_id",
    "l7policies": "l7policy_id",
    "l7rules": "l7rule_id",
}
MODELS = {
    "loadbalancers": data_models.LoadBalancer,
    "listeners": data_models.Listener,
    "pools": data_models.Pool,
    "members": data_models.Member,
    "healthmonitors": data_models.HealthMonitor,
    "l7policies": data_models.L7Policy,
    "l7rules": data_models.L7Rule,
}
VERBS = {
    "loadbalancers": "loadbalancer",
    "listeners": "listener",
    "pools": "pool",
    "members": "member",
    "healthmonitors": "health_monitor",
    "l7policies": "l7policy",
    "l7rules": "l7rule",
}


def model(kind: str, node: Node) -> Any:
    """The object the driver is handed."""
    return MODELS[kind].from_dict(copy.deepcopy(node))


def walk(tree: Node) -> Iterator[tuple[str, Node]]:
    """Every object of a tree with its kind, parents first."""
    yield "loadbalancers", tree
    for pool in tree.get("pools", ()):
        yield "pools", pool
        yield from (("members", m) for m in pool.get("members", ()))
        if pool.get("healthmonitor"):
            yield "healthmonitors", pool["healthmonitor"]
    for listener in tree.get("listeners", ()):
        yield "listeners", listener
        for policy in listener.get("l7policies", ()):
            yield "l7policies", policy
            yield from (("l7rules", r) for r in policy.get("rules", ()))


def find(tree: Node, object_id: str) -> tuple[str, Node]:
    """An object by its own id."""
    return next((k, n) for k, n in walk(tree) if n[KEYS[k]] == object_id)


def above(tree: Node, kind: str, node: Node) -> Iterator[tuple[str, str]]:
    """What the API puts in PENDING_UPDATE together with an object."""
    yield "loadbalancers", tree["loadbalancer_id"]
    if kind in ("members", "healthmonitors"):
        yield "pools", node["pool_id"]
    if kind in ("members", "healthmonitors", "pools"):
        for listener in tree["listeners"]:
            if listener.get("default_pool_id") == node["pool_id"]:
                yield "listeners", listener["listener_id"]
    if kind == "l7policies":
        yield "listeners", node["listener_id"]
    if kind == "l7rules":
        yield "l7policies", node["l7policy_id"]
        _, policy = find(tree, node["l7policy_id"])
        yield "listeners", policy["listener_id"]


def set_pending(agent: FakeDriverAgent, kind: str, object_id: str, status: str) -> None:
    agent.statuses.setdefault((kind, object_id), {})["provisioning_status"] = f"PENDING_{status}"


def pending(agent: FakeDriverAgent) -> list[tuple[str, str]]:
    """Objects that Octavia still waits for."""
    return sorted(
        key
        for key, values in agent.statuses.items()
        if values.get("provisioning_status", "").startswith("PENDING")
    )
