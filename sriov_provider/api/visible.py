"""Has the Octavia API committed what a job is about? Pure.

The API calls the driver before it commits, so a job may run before Octavia's tree shows the object
or its new values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sriov_provider import tree
from sriov_provider.api.attributes import get, items
from sriov_provider.records import ObjectRef, ObjectType


def object_in_tree(load_balancer: tree.LoadBalancer, ref: ObjectRef) -> bool:
    """True when the object is part of the tree."""
    return (ref.type, ref.id) in set(_tree_ids(load_balancer))


def values_visible(dm: Any, ref: ObjectRef) -> bool:
    """True when the object is there and shows every value of ``ref.expected``.

    :param dm: octavia-lib load balancer, as returned by the driver-agent
    """
    for kind, item, _ in objects(dm):
        if kind is ref.type and get(item, ID_NAMES[kind]) == ref.id:
            return all(_same(v, get(item, k)) for k, v in ref.expected.items())
    return False


ID_NAMES: Mapping[ObjectType, str] = {
    ObjectType.LOADBALANCER: "loadbalancer_id",
    ObjectType.LISTENER: "listener_id",
    ObjectType.POOL: "pool_id",
    ObjectType.MEMBER: "member_id",
    ObjectType.HEALTHMONITOR: "healthmonitor_id",
    ObjectType.L7POLICY: "l7policy_id",
    ObjectType.L7RULE: "l7rule_id",
}
"""The name of the id attribute in octavia-lib's model of each type."""


def _tree_ids(load_balancer: tree.LoadBalancer) -> Iterator[tuple[ObjectType, str]]:
    yield ObjectType.LOADBALANCER, load_balancer.id
    for listener in load_balancer.listeners:
        yield ObjectType.LISTENER, listener.id
        for policy in listener.l7policies:
            yield ObjectType.L7POLICY, policy.id
            yield from ((ObjectType.L7RULE, rule.id) for rule in policy.rules)
    for pool in load_balancer.pools:
        yield ObjectType.POOL, pool.id
        yield from ((ObjectType.MEMBER, member.id) for member in pool.members)
        if pool.healthmonitor:
            yield ObjectType.HEALTHMONITOR, pool.healthmonitor.id


def objects(dm: Any) -> Iterator[tuple[ObjectType, Any, str | None]]:
    """Every object of an octavia-lib load balancer with its type and the id of its parent."""
    yield ObjectType.LOADBALANCER, dm, None
    root = get(dm, "loadbalancer_id")
    for listener in items(dm, "listeners"):
        yield ObjectType.LISTENER, listener, root
        yield from _policies(listener)
    for pool in items(dm, "pools"):
        yield ObjectType.POOL, pool, root
        yield from _below_pool(pool)


def _policies(listener: Any) -> Iterator[tuple[ObjectType, Any, str | None]]:
    for policy in items(listener, "l7policies"):
        yield ObjectType.L7POLICY, policy, get(listener, "listener_id")
        for rule in items(policy, "rules"):
            yield ObjectType.L7RULE, rule, get(policy, "l7policy_id")


def _below_pool(pool: Any) -> Iterator[tuple[ObjectType, Any, str | None]]:
    pool_id = get(pool, "pool_id")
    for member in items(pool, "members"):
        yield ObjectType.MEMBER, member, pool_id
    if get(pool, "healthmonitor"):
        yield ObjectType.HEALTHMONITOR, get(pool, "healthmonitor"), pool_id


def _same(expected: Any, actual: Any) -> bool:
    """Lenient on purpose: a value that is stored in another shape must not look uncommitted."""
    if not expected and not isinstance(expected, (bool, int, float)):
        return not actual
    if isinstance(expected, Mapping):
        given = {k: v for k, v in expected.items() if v is not None}
        return isinstance(actual, Mapping) and all(
            _same(v, get(actual, k)) for k, v in given.items()
        )
    if isinstance(expected, (list, tuple)):
        return isinstance(actual, (list, tuple)) and _set(expected) == _set(actual)
    if isinstance(expected, bool) or isinstance(actual, bool):
        return bool(expected) == bool(actual)
    return _scalar(expected) == _scalar(actual)


def _set(values: Any) -> set[str]:
    return {_scalar(v) for v in values}


def _scalar(value: Any) -> str:
    return str(float(value)) if isinstance(value, (int, float)) else str(value)
