"""Delivers queued statuses to Octavia until it has taken them.

The driver-agent applies a batch object by object, stops at the first one it cannot take and names
it. An object that has vanished from Octavia's database is then dropped from the batch, with a
reason while its load balancer is there; one that is still there must not hold up the others, so
they are sent without it.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping
from typing import Any

from octavia_lib.api.drivers import exceptions as lib_exceptions

from sriov_provider.db import inventory, outbox, reasons
from sriov_provider.db.engine import Sessions
from sriov_provider.errors import Code, ProviderError, Reason
from sriov_provider.records import ObjectType

LOG = logging.getLogger(__name__)

# A batch is free again after so long when its deliverer has died.
LEASE_SECONDS = 60.0
MAX_DELAY = 60.0
# Whole batches are tried this often before an object of them is looked at by itself.
PATIENCE = 3
# An object that Octavia has but refuses for so long is given up, unless it is the load balancer.
GIVE_UP = 40

Send = Callable[[dict[str, Any]], None]
Exists = Callable[[ObjectType, str], bool]
Statuses = Mapping[str, list[dict[str, Any]]]


class Outbox:
    """One deliverer; any number of them may run, on any number of hosts.

    :param send: ``DriverLibrary.update_loadbalancer_status`` or the like; raises
        ``UpdateStatusError`` when the batch is not taken
    :param exists: whether Octavia still has an object
    :param owner: a name that no other deliverer has at the same time
    :param interval: seconds to wait after a first refusal; doubled up to a minute
    :param lease_seconds: for which a batch is this deliverer's alone
    """

    def __init__(
        self,
        sessions: Sessions,
        send: Send,
        exists: Exists,
        owner: str,
        interval: float = 2.0,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._sessions = sessions
        self._send = send
        self._exists = exists
        self._owner = owner
        self._interval = interval
        self._lease = lease_seconds
        self._sending: dict[int, outbox.Batch] = {}

    def deliver_pending(self, load_balancer_id: str | None = None) -> int:
        """Send every batch that is due, of one load balancer or of all; once each.

        :returns: how many batches Octavia has taken
        :raises ProviderError: DATABASE (retriable)
        """
        taken = 0
        while batch := outbox.claim(self._sessions, self._owner, self._lease, load_balancer_id):
            taken += self._deliver(batch)
        return taken

    def renew(self) -> None:
        """Keep what is being sent: to be called three times within a lease. A driver-agent under
        load may take longer than that.

        :raises ProviderError: DATABASE (retriable)
        """
        for batch in tuple(self._sending.values()):
            self._sessions.run(
                functools.partial(outbox.renew, batch=batch, lease_seconds=self._lease)
            )

    def _deliver(self, batch: outbox.Batch) -> bool:
        self._sending[batch.seq] = batch
        try:
            return self._try(batch)
        finally:
            self._sending.pop(batch.seq, None)

    def _try(self, batch: outbox.Batch) -> bool:
        try:
            self._send(_copy(batch.statuses))
        except lib_exceptions.UpdateStatusError as error:
            self._refused(batch, error)
            return False
        except ProviderError as error:
            self._postpone(batch, batch.statuses, str(error))
            return False
        self._sessions.run(lambda session: outbox.delivered(session, batch))
        return True

    def _refused(self, batch: outbox.Batch, error: lib_exceptions.UpdateStatusError) -> None:
        fault = str(error.fault_string)
        culprit = _culprit(batch.statuses, error)
        if culprit is None or batch.attempts < PATIENCE:
            return self._postpone(batch, batch.statuses, fault)
        try:
            known = self._exists(*culprit)
        except ProviderError as unavailable:
            return self._postpone(batch, batch.statuses, str(unavailable))
        hopeless = batch.attempts >= GIVE_UP and culprit[0] is not ObjectType.LOADBALANCER
        if not known or hopeless:
            return self._drop(batch, culprit, fault)
        return self._send_others(batch, culprit, fault)

    def _send_others(
        self, batch: outbox.Batch, culprit: tuple[ObjectType, str], fault: str
    ) -> None:
        others, alone = _without(batch.statuses, culprit), _only(batch.statuses, culprit)
        left: Statuses = alone
        try:
            if others:
                self._send(_copy(others))
        except (lib_exceptions.UpdateStatusError, ProviderError):
            left = batch.statuses
        self._postpone(batch, left, fault)

    def _drop(self, batch: outbox.Batch, culprit: tuple[ObjectType, str], fault: str) -> None:
        object_type, object_id = culprit
        reason = Reason(
            Code.NOT_FOUND,
            "The status of an object could not be reported.",
            f"Octavia does not take a status for {object_type.value} {object_id} any more: {fault}",
        )
        record = reasons.record(
            object_type, object_id, batch.load_balancer_id, reason, batch.job_id
        )
        others = _without(batch.statuses, culprit)
        LOG.warning("Status dropped: %s", reason.operator)

        def work(session: Any) -> None:
            # After a delete nobody asks for reasons, and nobody would ever remove them.
            if inventory.read(session, batch.load_balancer_id).load_balancer is not None:
                reasons.add(session, record)
            if others:
                outbox.postpone(session, batch, others, fault, 0.0)
            else:
                outbox.delivered(session, batch)

        self._sessions.run(work)

    def _postpone(self, batch: outbox.Batch, statuses: Statuses, fault: str) -> None:
        delay = min(self._interval * 2 ** min(batch.attempts - 1, 10), MAX_DELAY)
        LOG.warning(
            "Octavia has not taken the statuses of load balancer %s (attempt %d, next in %.1f s): "
            "%s",
            batch.load_balancer_id,
            batch.attempts,
            delay,
            fault,
        )
        self._sessions.run(lambda session: outbox.postpone(session, batch, statuses, fault, delay))


def _copy(statuses: Statuses) -> dict[str, Any]:
    return {kind: [dict(entry) for entry in entries] for kind, entries in statuses.items()}


def _culprit(
    statuses: Statuses, error: lib_exceptions.UpdateStatusError
) -> tuple[ObjectType, str] | None:
    """The object of the batch that Octavia named, or None."""
    named = (error.status_object, error.status_object_id)
    for kind, entries in statuses.items():
        if any((kind, entry["id"]) == named for entry in entries):
            return ObjectType(kind), str(error.status_object_id)
    return None


def _without(statuses: Statuses, culprit: tuple[ObjectType, str]) -> Statuses:
    return _filtered(statuses, lambda kind, entry: (kind, entry["id"]) != culprit)


def _only(statuses: Statuses, culprit: tuple[ObjectType, str]) -> Statuses:
    return _filtered(statuses, lambda kind, entry: (kind, entry["id"]) == culprit)


def _filtered(statuses: Statuses, keep: Callable[[str, dict[str, Any]], bool]) -> Statuses:
    kept = {kind: [e for e in entries if keep(kind, e)] for kind, entries in statuses.items()}
    return {kind: entries for kind, entries in kept.items() if entries}
