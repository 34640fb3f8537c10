"""Octavia's objects as references in a job, and as rows of the objects the API side knows. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sriov_provider.api.attributes import get, given
from sriov_provider.api.visible import ID_NAMES, objects
from sriov_provider.records import Action, ChildRecord, ObjectRef, ObjectType

PARENT_NAMES: Mapping[ObjectType, str] = {
    ObjectType.LISTENER: "loadbalancer_id",
    ObjectType.POOL: "loadbalancer_id",
    ObjectType.MEMBER: "pool_id",
    ObjectType.HEALTHMONITOR: "pool_id",
    ObjectType.L7POLICY: "listener_id",
    ObjectType.L7RULE: "l7policy_id",
}
"""The name of the attribute that holds the parent's id in octavia-lib's model of each type."""

KEPT = frozenset({ObjectType.LISTENER, ObjectType.POOL, ObjectType.MEMBER, ObjectType.L7POLICY})
"""Parents of other objects, and members, whose batch update does not say what it deletes."""

# What the worker must not wait for: identities; what is nested; the position, which Octavia
# renumbers; the kind of port, which an update never changes.
_NOT_EXPECTED = frozenset(ID_NAMES.values()) | {
    "additional_vips",
    "availability_zone",
    "default_pool",
    "flavor",
    "healthmonitor",
    "l7policies",
    "listeners",
    "members",
    "pools",
    "position",
    "project_id",
    "rules",
    "vnic_type",
}


def object_id(kind: ObjectType, dm: Any) -> str:
    return str(get(dm, ID_NAMES[kind]))


def parent_id(kind: ObjectType, dm: Any) -> str | None:
    """None for a load balancer."""
    return get(dm, PARENT_NAMES[kind]) if kind in PARENT_NAMES else None


def reference(kind: ObjectType, dm: Any, action: Action) -> ObjectRef:
    """:param dm: the object itself; the old one for an update"""
    return ObjectRef(kind, object_id(kind, dm), action, parent_id(kind, dm))


def expected(new: Any) -> dict[str, Any]:
    """The values of an update that must be visible before its job may run.

    Certificates and keys come with their references: the reference is kept, the secret is not.
    Octavia 19 announces neither new security groups of a VIP nor the removal of all SNI
    certificates, so an update without expected values may still have changed those.
    """
    return {
        name: value
        for name, value in given(new).items()
        if name not in _NOT_EXPECTED and not name.endswith("_data")
    }


def family(dm: Any, action: Action) -> tuple[ObjectRef, ...]:
    """The load balancer and everything below it."""
    return tuple(ObjectRef(k, object_id(k, o), action, parent) for k, o, parent in objects(dm))


def children(dm: Any) -> Iterator[ChildRecord]:
    """Rows of everything below a load balancer."""
    load_balancer_id = object_id(ObjectType.LOADBALANCER, dm)
    for kind, item, parent in objects(dm):
        if kind in KEPT and parent:
            yield child(kind, item, load_balancer_id, parent)


def child(kind: ObjectType, dm: Any, load_balancer_id: str, parent: str) -> ChildRecord:
    return ChildRecord(
        object_id(kind, dm), kind, load_balancer_id, parent, protocol=get(dm, "protocol")
    )


def batch(pool_id: str, members: list[Any], known: set[str]) -> tuple[ObjectRef, ...]:
    """The changes that make ``members`` the pool's members.

    :param members: all members the pool shall have
    :param known: ids of those it has
    """
    refs = [_batched(pool_id, dm, known) for dm in members]
    gone = sorted(known - {ref.id for ref in refs})
    refs += [ObjectRef(ObjectType.MEMBER, i, Action.DELETE, pool_id) for i in gone]
    return tuple(refs)


def _batched(pool_id: str, dm: Any, known: set[str]) -> ObjectRef:
    member_id = object_id(ObjectType.MEMBER, dm)
    if member_id not in known:
        return ObjectRef(ObjectType.MEMBER, member_id, Action.CREATE, pool_id)
    # Octavia fills what the request left out with None here, and leaves it as it was.
    values = {k: v for k, v in expected(dm).items() if v is not None}
    return ObjectRef(ObjectType.MEMBER, member_id, Action.UPDATE, pool_id, values)
