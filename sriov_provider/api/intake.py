"""From a call of the Octavia API to a job in the store: what all verbs have in common."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from sriov_provider.api import accept, convert, refs
from sriov_provider.api.attributes import get
from sriov_provider.api.preflight import Preflight
from sriov_provider.api.refusal import explained, failed
from sriov_provider.api.store import Store
from sriov_provider.records import (
    Action,
    ChildRecord,
    Job,
    LoadBalancerRecord,
    ObjectRef,
    ObjectType,
)

_NAMES = {
    ObjectType.LISTENER: "listener",
    ObjectType.POOL: "pool",
    ObjectType.L7POLICY: "L7 policy",
}


class Intake:
    """Turns accepted requests into jobs.

    All verbs raise octavia-lib's exceptions.
    """

    def __init__(self, store: Store, preflight: Preflight) -> None:
        self._store = store
        self._preflight = preflight

    def create(self, kind: ObjectType, dm: Any) -> None:
        """A new object below a load balancer."""
        ref = refs.reference(kind, dm, Action.CREATE)
        with explained():
            load_balancer_id = self._load_balancer_of(ref)
            known: tuple[ChildRecord, ...] = ()
            if kind in refs.KEPT and ref.parent_id:
                known = (refs.child(kind, dm, load_balancer_id, ref.parent_id),)
            self._store.submit(_job(load_balancer_id, ref, (ref,)), known=known)

    def update(self, kind: ObjectType, old: Any, new: Any) -> None:
        """New values of an object below a load balancer."""
        ref = refs.reference(kind, old, Action.UPDATE)
        ref = ObjectRef(ref.type, ref.id, ref.action, ref.parent_id, refs.expected(new))
        self._submit(ref)

    def delete(self, kind: ObjectType, dm: Any) -> None:
        """An object below a load balancer goes."""
        self._submit(refs.reference(kind, dm, Action.DELETE))

    def create_member(self, dm: Any) -> None:
        with explained():
            self._accept_members(self._pool(get(dm, "pool_id")), [dm], set())
        self.create(ObjectType.MEMBER, dm)

    def batch_members(self, pool_id: str, members: list[Any]) -> None:
        """Replace all members of a pool."""
        with explained():
            pool = self._pool(pool_id)
            before = {record.id for record in self._store.members(pool_id)}
            self._accept_members(pool, members, before)
            changes = refs.batch(pool_id, members, before)
            known = [
                refs.child(ObjectType.MEMBER, dm, pool.load_balancer_id, pool_id) for dm in members
            ]
            ref = ObjectRef(ObjectType.POOL, pool_id, Action.UPDATE, pool.load_balancer_id)
            self._store.submit(_job(pool.load_balancer_id, ref, changes), known=known)

    def create_l7policy(self, dm: Any) -> None:
        with explained():
            parent = self._known(ObjectType.LISTENER, get(dm, "listener_id"))
            accept.l7policies_on(parent.protocol)
        self.create(ObjectType.L7POLICY, dm)

    def load_balancer(
        self,
        objects: tuple[ObjectRef, ...],
        record: LoadBalancerRecord | None = None,
        known: Iterable[ChildRecord] = (),
        cascade: bool = False,
    ) -> None:
        """A request about a load balancer as a whole; it is the first of ``objects``."""
        job = _job(objects[0].id, objects[0], objects, cascade)
        with explained():
            self._store.submit(job, record, known)

    def _submit(self, ref: ObjectRef) -> None:
        with explained():
            self._store.submit(_job(self._load_balancer_of(ref), ref, (ref,)))

    def _load_balancer_of(self, ref: ObjectRef) -> str:
        if ref.type in (ObjectType.LISTENER, ObjectType.POOL):
            return str(ref.parent_id)
        if ref.type is ObjectType.L7POLICY:
            return self._known(ObjectType.LISTENER, ref.parent_id).load_balancer_id
        if ref.type is ObjectType.L7RULE:
            return self._known(ObjectType.L7POLICY, ref.parent_id).load_balancer_id
        return self._pool(ref.parent_id).load_balancer_id

    def _pool(self, pool_id: str | None) -> ChildRecord:
        return self._known(ObjectType.POOL, pool_id)

    def _known(self, kind: ObjectType, object_id: str | None) -> ChildRecord:
        record = self._store.find(object_id) if object_id else None
        if record is None:
            what = f"{_NAMES[kind]} {object_id}"
            raise failed(
                f"The load balancing provider does not know {what}.",
                f"No row for {what} in the provider's table of children.",
            )
        return record

    def _accept_members(self, pool: ChildRecord, dms: list[Any], known: set[str]) -> None:
        """:param known: ids of members that are there; their ports do not change"""
        inventory = self._store.inventory(pool.load_balancer_id)
        if inventory.load_balancer:
            accept.members(pool.protocol, dms, inventory.load_balancer.vip_addresses())
        members = [convert.member(dm, pool.id) for dm in dms]
        self._preflight.members(inventory, [m for m in members if m.id not in known])


def _job(
    load_balancer_id: str, ref: ObjectRef, objects: tuple[ObjectRef, ...], cascade: bool = False
) -> Job:
    return Job(
        id=str(uuid.uuid4()),
        load_balancer_id=load_balancer_id,
        action=ref.action,
        object_type=ref.type,
        object_id=ref.id,
        objects=objects,
        cascade=cascade,
    )
