"""The records of one load balancer during a run: in memory, every change written through.

Tasks look here what there is and record here what they did, so that a run that is cut off at any
point leaves behind what the next plan needs.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import Session

from sriov_provider.db import inventory as db
from sriov_provider.db.engine import Sessions
from sriov_provider.records import (
    AmphoraRecord,
    Inventory,
    LoadBalancerRecord,
    PortRecord,
    PortRole,
)


class Book:
    """Thread-safe: parallel tasks of one flow share it."""

    def __init__(
        self, sessions: Sessions, inventory: Inventory, fence: Callable[[Session], object]
    ) -> None:
        """:param fence: part of each transaction that writes; raises ProviderError (LEASE_LOST)
        when the job is another run's by now: a task may have waited for longer than a lease lasts
        """
        self._sessions = sessions
        self._fence = fence
        self._lock = threading.Lock()
        self._load_balancer = inventory.load_balancer
        self._amphorae = {a.id: a for a in inventory.amphorae}
        self._ports = {p.id: p for p in inventory.ports}

    @property
    def load_balancer(self) -> LoadBalancerRecord | None:
        return self._load_balancer

    def amphora(self, amphora_id: str) -> AmphoraRecord | None:
        return self._amphorae.get(amphora_id)

    def amphorae(self) -> tuple[AmphoraRecord, ...]:
        with self._lock:
            return tuple(self._amphorae.values())

    def port(self, row_id: str) -> PortRecord | None:
        return self._ports.get(row_id)

    def ports(self, amphora_id: str | None = None) -> tuple[PortRecord, ...]:
        """Ports of one amphora, or all."""
        with self._lock:
            rows = tuple(self._ports.values())
        return tuple(p for p in rows if amphora_id in (None, p.amphora_id))

    def vip_port(self, amphora_id: str) -> PortRecord | None:
        return next((p for p in self.ports(amphora_id) if p.role is PortRole.VIP), None)

    def _write(self, work: Callable[[Session], object]) -> None:
        def fenced(session: Session) -> None:
            self._fence(session)
            work(session)

        self._sessions.run(fenced)

    def save_load_balancer(self, record: LoadBalancerRecord) -> None:
        self._write(lambda session: db.save_load_balancer(session, record))
        self._load_balancer = record

    def save_amphora(self, record: AmphoraRecord) -> AmphoraRecord:
        self._write(lambda session: db.save_amphora(session, record))
        with self._lock:
            self._amphorae[record.id] = record
        return record

    def change_amphora(self, amphora_id: str, **changes: Any) -> AmphoraRecord:
        """Change these fields only: parallel tasks each know a part of one amphora."""
        with self._lock:
            record = dataclasses.replace(self._amphorae[amphora_id], **changes)
            self._write(lambda session: db.save_amphora(session, record))
            self._amphorae[amphora_id] = record
        return record

    def save_port(self, record: PortRecord) -> PortRecord:
        self._write(lambda session: db.save_port(session, record))
        with self._lock:
            self._ports[record.id] = record
        return record

    def drop_amphora(self, record: AmphoraRecord) -> None:
        self._write(lambda session: db.delete_amphora(session, record.id))
        with self._lock:
            self._amphorae.pop(record.id, None)

    def drop_port(self, record: PortRecord) -> None:
        self._write(lambda session: db.delete_port(session, record.id))
        with self._lock:
            self._ports.pop(record.id, None)
