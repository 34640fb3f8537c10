"""Finds what is leaked, and deletes it: each thing looked at again right before."""

from __future__ import annotations

import dataclasses
import datetime
import logging
import time
from collections.abc import Callable, Iterable, Iterator

from sriov_provider.db.engine import Sessions
from sriov_provider.db.types import utcnow
from sriov_provider.errors import ProviderError
from sriov_provider.sweep import records, rules
from sriov_provider.sweep.cloud import Belongings
from sriov_provider.sweep.model import Held, Kind, Known, Leak, Swept

LOG = logging.getLogger(__name__)

# Seconds for a server to go, whose ports are free only then.
_GONE_TIMEOUT = 60.0
_POLL = 1.0


@dataclasses.dataclass(frozen=True)
class Findings:
    """:ivar missing: on record, and not in the cloud"""

    leaks: tuple[Leak, ...]
    missing: tuple[Held, ...]


class Sweeper:
    """Looks on every call; keeps nothing."""

    def __init__(
        self,
        sessions: Sessions,
        cloud: Belongings,
        grace: float,
        random_name_length: int = 0,
        exists: Callable[[str], bool] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """:param grace: seconds; what is younger is left alone
        :param random_name_length: ``[nova] random_amphora_name_length``
        :param exists: whether Octavia has a load balancer; None to do without
        """
        self._sessions = sessions
        self._exists = exists
        self._cloud = cloud
        self._grace = grace
        self._name_length = random_name_length
        self._sleep = sleep

    def find(
        self, load_balancer_id: str | None = None, now: datetime.datetime | None = None
    ) -> Findings:
        """Changes nothing.

        :param load_balancer_id: only what belongs to this one
        :raises ProviderError: the cloud or our tables cannot be read
        """
        found = self._cloud.everything(load_balancer_id)
        known = self._known(load_balancer_id)
        leaks = rules.leaks(found, known, now or utcnow(), self._grace)
        gone = [h for h in rules.missing(found, known) if not self._cloud.look(h.kind, str(h.id))]
        if load_balancer_id is not None:
            leaks = tuple(k for k in leaks if k.load_balancer_id == load_balancer_id)
        return Findings(leaks, tuple(gone))

    def delete(
        self, leaks: Iterable[Leak], now: datetime.datetime | None = None
    ) -> Iterator[Swept]:
        """Delete them, one after the other; what cannot be deleted is told, and the next tried.

        :param leaks: in the order of :meth:`find`
        :raises ProviderError: our tables cannot be read or written
        """
        for leak in leaks:
            swept = self._delete(leak, now or utcnow())
            if leak.found.kind is Kind.PORT:
                self._record(swept)
            LOG.info(
                "Leaked %s %s of load balancer %s: %s",
                leak.found.kind.value, leak.found.id, leak.load_balancer_id, swept.words,
            )  # fmt: skip
            yield swept

    def tidy(self, load_balancer_id: str | None = None) -> tuple[str, ...]:
        """Forget ports recorded as leaked that somebody else has deleted.

        :returns: their Neutron ids
        :raises ProviderError: the cloud or our tables cannot be read or written
        """
        given_up = sorted(self._known(load_balancer_id).given_up)
        gone = tuple(i for i in given_up if self._cloud.look(Kind.PORT, i) is None)
        for neutron_id in gone:
            self._forget(neutron_id)
        return gone

    def _forget(self, neutron_id: str) -> None:
        self._sessions.run(lambda session: records.forget(session, neutron_id))

    def _known(self, load_balancer_id: str | None) -> Known:
        return self._sessions.read(
            lambda session: records.read(session, load_balancer_id, self._name_length)
        )

    def _delete(self, leak: Leak, now: datetime.datetime) -> Swept:
        try:
            present = self._cloud.again(leak.found)
        except ProviderError as error:
            return Swept(leak, False, f"not looked at: {error.reason}")
        if not present:
            return Swept(leak, True, "gone already")
        known = self._known(leak.load_balancer_id)
        still = rules.leaks(present, known, now, self._grace)
        mine = next((k for k in still if k.found.id == leak.found.id), None)
        if mine is None:
            return Swept(leak, False, "left alone: it is in use again", wanted=True)
        obstacle = mine.obstacle or self._doubt(mine, known)
        if obstacle:
            return Swept(mine, False, f"left alone: {obstacle}", doubted=not mine.obstacle)
        return self._delete_now(mine)

    def _doubt(self, leak: Leak, known: Known) -> str | None:
        """Tables that do not know a load balancer which Octavia has may be the wrong ones."""
        if self._exists is None or leak.load_balancer_id in known.balancers:
            return None
        try:
            there = self._exists(leak.load_balancer_id)
        except ProviderError as error:
            return f"Octavia does not tell whether it has its load balancer: {error.reason}"
        if not there:
            return None
        return "Octavia has its load balancer: delete that, or check database_connection"

    def _delete_now(self, leak: Leak) -> Swept:
        try:
            busy = self._cloud.delete(leak.found)
            if busy:
                return Swept(leak, False, f"busy: {busy.reason}")
            gone = leak.found.kind is not Kind.SERVER or self._is_gone(leak)
        except ProviderError as error:
            return Swept(leak, False, f"failed: {error.reason}")
        return Swept(leak, gone, "deleted" if gone else "is being deleted")

    def _is_gone(self, leak: Leak) -> bool:
        waited = 0.0
        while self._cloud.look(leak.found.kind, leak.found.id) is not None:
            if waited >= _GONE_TIMEOUT:
                return False
            self._sleep(_POLL)
            waited += _POLL
        return True

    def _record(self, swept: Swept) -> None:
        one = swept.leak.found
        if swept.done:
            self._forget(one.id)
        elif not (swept.wanted or swept.doubted):
            self._sessions.run(lambda session: records.give_up(session, one))
