"""What the driver cannot do without: the provider's own database, and a worker to wake.

Nothing else is needed, so that the API's answer waits neither for the cloud, beyond the short time
of the preflight, nor for Octavia's driver-agent, and works while both are down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from sqlalchemy.orm import Session

from sriov_provider.db import children, inventory, jobs
from sriov_provider.db.engine import Sessions
from sriov_provider.records import ChildRecord, Inventory, Job, LoadBalancerRecord, ObjectType


class Store(Protocol):
    """All verbs raise :class:`~sriov_provider.errors.ProviderError` (DATABASE)."""

    def find(self, object_id: str) -> ChildRecord | None:
        """What is known of a listener, pool, member or L7 policy."""

    def members(self, pool_id: str) -> tuple[ChildRecord, ...]:
        """The members of a pool."""

    def inventory(self, load_balancer_id: str) -> Inventory:
        """What is held for a load balancer."""

    def submit(
        self,
        job: Job,
        load_balancer: LoadBalancerRecord | None = None,
        known: Iterable[ChildRecord] = (),
    ) -> None:
        """Write the job and the records in one transaction, then wake a worker."""


class DatabaseStore:
    """The real one.

    :param wake: tells a worker the id of a job; may fail silently, as workers also look themselves
    """

    def __init__(self, sessions: Sessions, wake: Callable[[str], object]) -> None:
        self._sessions = sessions
        self._wake = wake

    def find(self, object_id: str) -> ChildRecord | None:
        return self._sessions.read(lambda session: children.get(session, object_id))

    def members(self, pool_id: str) -> tuple[ChildRecord, ...]:
        return self._sessions.read(
            lambda session: children.of_parent(session, pool_id, ObjectType.MEMBER)
        )

    def inventory(self, load_balancer_id: str) -> Inventory:
        return self._sessions.read(lambda session: inventory.read(session, load_balancer_id))

    def submit(
        self,
        job: Job,
        load_balancer: LoadBalancerRecord | None = None,
        known: Iterable[ChildRecord] = (),
    ) -> None:
        rows = tuple(known)

        def write(session: Session) -> None:
            if load_balancer is not None:
                inventory.save_load_balancer(session, load_balancer)
            children.save(session, rows)
            jobs.enqueue(session, job)

        self._sessions.run(write)
        self._wake(job.id)
