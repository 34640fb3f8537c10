"""The desired state, as soon as Octavia's API has committed it.

The API calls the driver before it commits, so a job may be faster than the tree it is about.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from sriov_provider import tree
from sriov_provider.api import convert, visible
from sriov_provider.errors import Code, ProviderError
from sriov_provider.records import Action, Inventory, Job

LOG = logging.getLogger(__name__)

# Seconds: commits take milliseconds; the wait doubles for the rare slow one.
_FIRST_WAIT = 0.05
_LONGEST_WAIT = 1.0
# Octavia does not tell the driver every new value (the VIP's security groups, the removal of all
# SNI certificates): nothing in the tree shows then whether the API has committed.
_BLIND_WAIT = 1.0


class TreeReader:
    """Reads trees from the driver-agent."""

    def __init__(
        self,
        get_tree: Callable[[str], Any | None],
        timeout: float,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """:param get_tree: load balancer id -> octavia-lib's data model or None
        :param timeout: seconds to wait for a commit
        """
        self._get_tree = get_tree
        self._timeout = timeout
        self._sleep = sleep

    def read(self, load_balancer_id: str, inventory: Inventory) -> tree.LoadBalancer | None:
        """The tree as it is now; None when Octavia does not know the load balancer."""
        found = self._get_tree(load_balancer_id)
        return None if found is None else _convert(found, inventory)

    def wait(self, job: Job, inventory: Inventory) -> tree.LoadBalancer | None:
        """The tree in which the job's objects and values are visible.

        :returns: None when a created object never shows up: the API has rolled back
        :raises ProviderError: TREE_MISSING when there is no load balancer to change at all
        """
        if any(r.action is Action.UPDATE and not r.expected for r in job.objects):
            self._sleep(_BLIND_WAIT)
        deadline, wait = time.monotonic() + self._timeout, _FIRST_WAIT
        while True:
            found = self._get_tree(job.load_balancer_id)
            lb = None if found is None else _convert(found, inventory)
            if lb is not None and _visible(found, lb, job):
                return lb
            if time.monotonic() >= deadline:
                return self._late(job, lb)
            self._sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT)

    def _late(self, job: Job, lb: tree.LoadBalancer | None) -> tree.LoadBalancer | None:
        created = [r for r in job.objects if r.action is Action.CREATE]
        missing = [r for r in created if lb is None or not visible.object_in_tree(lb, r)]
        if missing:
            return None
        if lb is None:
            raise ProviderError(
                Code.TREE_MISSING,
                "The load balancer is not known to the load balancing service.",
                f"The driver-agent knows no load balancer {job.load_balancer_id}.",
            )
        # New values that never show up were rolled back: what is there is what shall be served.
        LOG.warning("Job %s: new values never became visible; serving what is there", job.id)
        return lb


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
