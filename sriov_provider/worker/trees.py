"""The desired state, as soon as Octavia's API has committed it.

The API calls the driver before it commits, so a job may be faster than the tree it is about. A
commit that comes late is looked for again and again: nobody else would ever tell Octavia how an
object ended that was committed after its job was dropped.
"""

from __future__ import annotations

import dataclasses
import datetime
import logging
import time
from collections.abc import Callable
from typing import Any

from sriov_provider import tree
from sriov_provider.api import convert, visible
from sriov_provider.db.types import utcnow
from sriov_provider.errors import Code, NobodyThere, ProviderError
from sriov_provider.records import Action, Inventory, Job

LOG = logging.getLogger(__name__)

# Seconds: commits take milliseconds; the wait doubles for the rare slow one.
_FIRST_WAIT = 0.05
_LONGEST_WAIT = 1.0
# Octavia does not tell the driver every new value (the VIP's security groups, the removal of all
# SNI certificates): nothing in the tree shows then whether the API has committed.
_BLIND_WAIT = 1.0
# Seconds after the request: an API that was frozen or waits for its database may commit as late.
# New values are also waited for in vain where Octavia keeps them in another shape.
_CREATE_PATIENCE, _UPDATE_PATIENCE = 600.0, 60.0
_SHORTEST_DELAY, _LONGEST_DELAY = 5.0, 60.0


@dataclasses.dataclass(frozen=True)
class Late:
    """Not committed yet, as it seems.

    :ivar looked_at: when it was not there
    :ivar delay: seconds after that until one should look again
    """

    looked_at: datetime.datetime
    delay: float


class TreeReader:
    """Reads trees from the driver-agent."""

    def __init__(
        self,
        get_tree: Callable[[str], Any | None],
        timeout: float,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime.datetime] = utcnow,
    ) -> None:
        """:param get_tree: load balancer id -> octavia-lib's data model or None
        :param timeout: seconds to wait for a commit before one looks now and then only
        """
        self._get_tree = get_tree
        self._timeout = timeout
        self._sleep = sleep
        self._now = now

    def read(self, load_balancer_id: str, inventory: Inventory) -> tree.LoadBalancer | None:
        """The tree as it is now; None when Octavia does not know the load balancer. A driver-agent
        that is not running is waited for."""
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                found = self._get_tree(load_balancer_id)
            except NobodyThere:
                if time.monotonic() >= deadline:
                    raise
                self._sleep(_LONGEST_WAIT)
            else:
                return None if found is None else _convert(found, inventory)

    def wait(
        self, job: Job, inventory: Inventory, overtaken: Callable[[], bool] = lambda: False
    ) -> tree.LoadBalancer | Late | None:
        """The tree in which the job's objects and values are visible.

        :param overtaken: whether the API has gone on with this load balancer since: what it has
            not committed by now it never will
        :returns: None when a created object never shows up: the API has rolled back; Late also
            when the driver-agent is not running
        :raises ProviderError: TREE_MISSING when there is no load balancer to change at all
        """
        age = self._age(job)
        left = self._timeout if age < self._timeout else 0.0
        over = not left and overtaken()
        if left and any(r.action is Action.UPDATE and not r.expected for r in job.objects):
            self._sleep(_BLIND_WAIT)
        deadline, wait = time.monotonic() + left, _FIRST_WAIT
        while True:
            try:
                found = self._get_tree(job.load_balancer_id)
            except NobodyThere as error:
                # A job that failed of it could not be reported either.
                LOG.warning("Job %s waits: %s", job.id, error.reason)
                return Late(self._now(), _SHORTEST_DELAY)
            lb = None if found is None else _convert(found, inventory)
            if lb is not None and _visible(found, lb, job):
                return lb
            if time.monotonic() >= deadline:
                return self._late(job, lb, None if over else max(age, self._timeout))
            self._sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT)

    def due(self) -> datetime.datetime:
        """What was asked for before this time should be visible by now."""
        return self._now() - datetime.timedelta(seconds=self._timeout)

    def _age(self, job: Job) -> float:
        return (self._now() - job.created_at).total_seconds() if job.created_at else 0.0

    def _late(
        self, job: Job, lb: tree.LoadBalancer | None, age: float | None
    ) -> tree.LoadBalancer | Late | None:
        """:param age: seconds since the request; None when nothing is to be waited for"""
        created = [r for r in job.objects if r.action is Action.CREATE]
        if any(lb is None or not visible.object_in_tree(lb, r) for r in created):
            return self._again(age, _CREATE_PATIENCE)
        if lb is None:
            raise ProviderError(
                Code.TREE_MISSING,
                "The load balancer is not known to the load balancing service.",
                f"The driver-agent knows no load balancer {job.load_balancer_id}.",
            )
        if again := self._again(age, _UPDATE_PATIENCE):
            return again
        # New values that never show up were rolled back: what is there is what shall be served.
        LOG.warning("Job %s: new values never became visible; serving what is there", job.id)
        return lb

    def _again(self, age: float | None, patience: float) -> Late | None:
        if age is None or age >= patience:
            return None
        delay = min(max(age / 2, _SHORTEST_DELAY), _LONGEST_DELAY, patience - age)
        return Late(self._now(), delay)


def _convert(found: Any, inventory: Inventory) -> tree.LoadBalancer:
    record = inventory.load_balancer
    if record is None:
        return convert.load_balancer(found)
    return convert.load_balancer(found, record.additional_vips, record.availability_zone)


def _visible(found: Any, lb: tree.LoadBalancer, job: Job) -> bool:
    for ref in job.objects:
        if ref.action is Action.CREATE and not visible.object_in_tree(lb, ref):
            return False
        if ref.action is Action.UPDATE and not visible.values_visible(found, ref):
            return False
    return True
