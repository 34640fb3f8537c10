"""What Octavia is told when a job has ended: a pure function of job, tree and failures.

Octavia's API puts the object of a request and the objects above it in ``PENDING_UPDATE``. Exactly
those are answered here, so that nothing stays pending and no other object's status is touched.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping

from sriov_provider.errors import Reason
from sriov_provider.records import Action, Job, ObjectRef, ObjectType
from sriov_provider.tree import Listener, LoadBalancer, Pool

Key = tuple[ObjectType, str]
Failed = Mapping[Key, Reason]
Statuses = dict[str, list[dict[str, str]]]

ACTIVE, DELETED, ERROR = "ACTIVE", "DELETED", "ERROR"
ONLINE, OFFLINE, NO_MONITOR = "ONLINE", "OFFLINE", "NO_MONITOR"

_PARENT_TYPES = {
    ObjectType.MEMBER: ObjectType.POOL,
    ObjectType.HEALTHMONITOR: ObjectType.POOL,
    ObjectType.L7POLICY: ObjectType.LISTENER,
    ObjectType.L7RULE: ObjectType.L7POLICY,
}


_BELOW_SOME_LISTENER = frozenset(
    {ObjectType.POOL, ObjectType.MEMBER, ObjectType.HEALTHMONITOR, ObjectType.L7RULE}
)


@dataclasses.dataclass(frozen=True)
class _Node:
    """One object of the tree.

    :ivar above: objects that the API puts in PENDING_UPDATE with this one, without the load
        balancer
    :ivar below: objects that disappear with this one
    """

    enabled: bool
    above: tuple[Key, ...] = ()
    below: tuple[Key, ...] = ()


def statuses(
    job: Job,
    tree: LoadBalancer | None,
    failed: Failed,
    recovered: Collection[Key] = (),
    listeners: Collection[str] = (),
    heard: Collection[Key] = (),
    waiting: Collection[Job] = (),
) -> Statuses:
    """The answer for ``DriverLibrary.update_loadbalancer_status``.

    :param job: the job that has ended for good, well or badly
    :param tree: the tree as Octavia shows it, with what the job deletes; None when it shows none
    :param failed: the objects that do not work, with the reason: the job's own and those that
        failed on the way or before. With the load balancer in it everything the job is about has
        failed
    :param recovered: objects that were reported as failed before and are served now
    :param listeners: ids of the load balancer's listeners; used without a tree, when nobody can
        tell which of them Octavia holds in PENDING_UPDATE with a pool or a rule
    :param heard: objects whose operating statuses come from heartbeats: what is enabled and has
        not failed is left to these
    :param waiting: requests of users behind this job: Octavia's lock is theirs to open
    """
    nodes = _nodes(tree)
    root = (ObjectType.LOADBALANCER, job.load_balancer_id)
    errors = frozenset(failed) | _failed_with(job, root, nodes, failed)
    gone = _gone(job, nodes, errors)
    answered = [*_answered(job, root, nodes, errors)]
    if tree is None and job.object_type in _BELOW_SOME_LISTENER:
        answered += [(ObjectType.LISTENER, listener) for listener in listeners]
    monitors = _monitored(tree, gone | errors)
    answered += [*gone, *(key for key in recovered if key in nodes)]
    entries = {
        key: _entry(key, nodes.get(key), key in gone, key in errors, monitors, heard)
        for key in dict.fromkeys(answered)
    }
    for key in _members_of_monitor(job, nodes):
        if operating := _operating(key, nodes[key], monitors, heard):
            entries.setdefault(key, {"id": key[1]} | operating)
    return _grouped(entries, held(waiting, tree))


def held(waiting: Collection[Job], tree: LoadBalancer | None) -> frozenset[Key]:
    """What Octavia holds in a PENDING status for these jobs, as far as can be told.

    :param tree: as it was before them, perhaps
    """
    nodes = _nodes(tree)
    keys: set[Key] = {(ObjectType.LOADBALANCER, job.load_balancer_id) for job in waiting}
    for ref in (ref for job in waiting for ref in _touched(job)):
        key = (ref.type, ref.id)
        keys.update(_with_above(key, ref.parent_id, nodes))
        if key in nodes:
            keys.update(nodes[key].below)
        elif ref.type in _BELOW_SOME_LISTENER:
            keys.update(k for k in nodes if k[0] is ObjectType.LISTENER)
    return frozenset(keys)


def _failed_with(job: Job, root: Key, nodes: Mapping[Key, _Node], failed: Failed) -> set[Key]:
    if root not in failed:
        return set()
    if job.object_type is ObjectType.LOADBALANCER:
        return set(nodes) if job.action is Action.CREATE else set()
    return {(ref.type, ref.id) for ref in _touched(job)}


def _answered(
    job: Job, root: Key, nodes: Mapping[Key, _Node], errors: Collection[Key]
) -> Iterator[Key]:
    if job.object_type is ObjectType.AMPHORA:
        # Octavia's API knows nothing of it and holds nothing in PENDING_UPDATE.
        yield from (key for key in errors if key in nodes)
        return
    yield root
    if job.object_type is ObjectType.LOADBALANCER:
        # A failed update, failover or delete leaves the children as they were: not pending.
        whole = job.action is Action.CREATE or (
            job.action in (Action.UPDATE, Action.FAILOVER) and root not in errors
        )
        if whole:
            yield from nodes
        return
    for ref in _touched(job):
        yield from _with_above((ref.type, ref.id), ref.parent_id, nodes)
    yield from (key for key in errors if key in nodes)


def _with_above(key: Key, parent_id: str | None, nodes: Mapping[Key, _Node]) -> Iterator[Key]:
    yield key
    if key in nodes:
        yield from nodes[key].above
    elif key[0] in _PARENT_TYPES and parent_id is not None:
        # The object is not (or no more) in the tree, but its parent is pending all the same.
        yield from _with_above((_PARENT_TYPES[key[0]], parent_id), None, nodes)


def _touched(job: Job) -> tuple[ObjectRef, ...]:
    return job.objects or (ObjectRef(job.object_type, job.object_id, job.action),)


def _gone(job: Job, nodes: Mapping[Key, _Node], errors: frozenset[Key]) -> frozenset[Key]:
    touched = _touched(job)
    deleted = {(ref.type, ref.id) for ref in touched if ref.action is Action.DELETE} - errors
    if (ObjectType.LOADBALANCER, job.load_balancer_id) in deleted:
        return frozenset(deleted | nodes.keys())
    # Octavia only gives back the quota of what it is told about.
    below = {child for key in deleted if key in nodes for child in nodes[key].below}
    return frozenset(deleted | below)


def _entry(
    key: Key,
    node: _Node | None,
    gone: bool,
    failed: bool,
    monitors: frozenset[Key],
    heard: Collection[Key],
) -> dict[str, str]:
    if gone:
        return {"id": key[1], "provisioning_status": DELETED}
    if failed:
        return {"id": key[1], "provisioning_status": ERROR, "operating_status": ERROR}
    active = {"id": key[1], "provisioning_status": ACTIVE}
    return active if node is None else active | _operating(key, node, monitors, heard)


def _operating(
    key: Key, node: _Node, monitors: frozenset[Key], heard: Collection[Key]
) -> dict[str, str]:
    if node.enabled and key in heard:
        return {}
    status = ONLINE if node.enabled else OFFLINE
    if node.enabled and key[0] is ObjectType.MEMBER and key not in monitors:
        status = NO_MONITOR
    return {"operating_status": status}


def _monitored(tree: LoadBalancer | None, out: frozenset[Key]) -> frozenset[Key]:
    """The members that a health monitor watches.

    :param out: what does not work or is gone
    """
    return frozenset(
        (ObjectType.MEMBER, member.id)
        for pool in (tree.pools if tree else ())
        if pool.healthmonitor and (ObjectType.HEALTHMONITOR, pool.healthmonitor.id) not in out
        for member in pool.members
    )


def _members_of_monitor(job: Job, nodes: Mapping[Key, _Node]) -> Iterator[Key]:
    """Members change between NO_MONITOR and ONLINE when a monitor comes or goes."""
    for ref in _touched(job):
        node = nodes.get((ref.type, ref.id))
        if ref.type is ObjectType.HEALTHMONITOR and node is not None:
            pool = nodes[next(key for key in node.above if key[0] is ObjectType.POOL)]
            yield from (key for key in pool.below if key[0] is ObjectType.MEMBER)


def _nodes(tree: LoadBalancer | None) -> dict[Key, _Node]:
    if tree is None:
        return {}
    nodes = {(ObjectType.LOADBALANCER, tree.id): _Node(tree.enabled)}
    for pool in tree.pools:
        nodes.update(_pool_nodes(pool, tuple(_users(tree, pool.id))))
    for listener in tree.listeners:
        nodes.update(_listener_nodes(listener))
    return nodes


def _users(tree: LoadBalancer, pool_id: str) -> Iterator[Key]:
    """The listeners that use a pool, as Octavia counts them: a policy without rules does not."""
    for listener in tree.listeners:
        redirects = any(
            policy.redirect_pool_id == pool_id and policy.enabled and policy.rules
            for policy in listener.l7policies
        )
        if listener.default_pool_id == pool_id or redirects:
            yield ObjectType.LISTENER, listener.id


def _pool_nodes(pool: Pool, users: tuple[Key, ...]) -> Iterator[tuple[Key, _Node]]:
    key = (ObjectType.POOL, pool.id)
    below: list[Key] = []
    for member in pool.members:
        below.append((ObjectType.MEMBER, member.id))
        yield below[-1], _Node(member.enabled, (key, *users))
    if pool.healthmonitor:
        below.append((ObjectType.HEALTHMONITOR, pool.healthmonitor.id))
        yield below[-1], _Node(pool.healthmonitor.enabled, (key, *users))
    yield key, _Node(pool.enabled, users, tuple(below))


def _listener_nodes(listener: Listener) -> Iterator[tuple[Key, _Node]]:
    key = (ObjectType.LISTENER, listener.id)
    below: list[Key] = []
    for policy in listener.l7policies:
        policy_key = (ObjectType.L7POLICY, policy.id)
        rules = tuple((ObjectType.L7RULE, rule.id) for rule in policy.rules)
        for rule_key, rule in zip(rules, policy.rules, strict=True):
            yield rule_key, _Node(rule.enabled, (policy_key, key))
        yield policy_key, _Node(policy.enabled, (key,), rules)
        below += [*rules, policy_key]
    yield key, _Node(listener.enabled, (), tuple(below))


def _grouped(entries: Mapping[Key, dict[str, str]], left_out: Collection[Key]) -> Statuses:
    told = {key: entry for key, entry in entries.items() if key not in left_out}
    grouped = {t.value: [e for key, e in told.items() if key[0] is t] for t in ObjectType}
    return {kind: group for kind, group in grouped.items() if group}
