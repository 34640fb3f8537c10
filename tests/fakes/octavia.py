"""Octavia's driver-agent: hands out trees, takes statuses.

::

    agent = FakeDriverAgent()
    agent.commit(tree, after_reads=2)           # the API commits late: two reads see the old tree
    agent.roll_back(lb_id)                      # the API never commits
    ...
    assert agent.provisioning(lb_id) == "ACTIVE"
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from octavia_lib.api.drivers import data_models, exceptions

from tests.fakes.faults import Faults, verb

# Parents first: an object holds its own id and some of those above.
_KEYS = {
    "loadbalancers": "loadbalancer_id",
    "listeners": "listener_id",
    "pools": "pool_id",
    "members": "member_id",
    "healthmonitors": "healthmonitor_id",
    "l7policies": "l7policy_id",
    "l7rules": "l7rule_id",
}


@dataclasses.dataclass
class _Pending:
    tree: dict[str, Any]
    reads_left: int


class FakeDriverAgent(Faults):
    """Looks like :class:`octavia_lib.api.drivers.driver_lib.DriverLibrary`.

    Trees are dicts as ``LoadBalancer.to_dict(recurse=True)`` gives them; statuses are those of
    octavia-lib.

    :ivar trees: what is committed, by load balancer id
    :ivar statuses: (kind, object id) -> the last known statuses
    :ivar updates: every status update as it arrived
    """

    def __init__(self) -> None:
        super().__init__()
        self.trees: dict[str, dict[str, Any]] = {}
        self.statuses: dict[tuple[str, str], dict[str, str]] = {}
        self.updates: list[dict[str, list[dict[str, Any]]]] = []
        self._pending: dict[str, _Pending] = {}

    def commit(
        self, tree: Mapping[str, Any] | data_models.LoadBalancer, *, after_reads: int = 0
    ) -> None:
        """Make this the load balancer's tree, now or after so many reads."""
        if isinstance(tree, data_models.LoadBalancer):
            tree = tree.to_dict(recurse=True, render_unsets=True)
        copied = copy.deepcopy(dict(tree))
        lb_id = copied["loadbalancer_id"]
        with self.lock:
            self._pending.pop(lb_id, None)
            if after_reads:
                self._pending[lb_id] = _Pending(copied, after_reads)
            else:
                self.trees[lb_id] = copied

    def hidden(self, lb_id: str) -> dict[str, Any]:
        """The tree that has not become visible yet."""
        return copy.deepcopy(self._pending[lb_id].tree)

    def roll_back(self, lb_id: str) -> None:
        """Forget a commit that has not become visible yet."""
        self._pending.pop(lb_id, None)

    @verb
    def get_loadbalancer(self, loadbalancer_id: str) -> data_models.LoadBalancer | None:
        """The committed tree as octavia-lib's object; None when there is none."""
        pending = self._pending.get(loadbalancer_id)
        if pending and pending.reads_left == 0:
            self.trees[loadbalancer_id] = pending.tree
            del self._pending[loadbalancer_id]
        elif pending:
            pending.reads_left -= 1
        tree = self.trees.get(loadbalancer_id)
        return data_models.LoadBalancer.from_dict(copy.deepcopy(tree)) if tree else None

    @verb
    def update_loadbalancer_status(self, status: dict[str, list[dict[str, Any]]]) -> None:
        """Takes all records or stops at the first of an unknown kind, as the driver-agent does.
        DELETED takes the object out of its tree."""
        self.updates.append(copy.deepcopy(status))
        for kind, records in status.items():
            for record in records:
                self._take(kind, record)

    @verb
    def update_listener_statistics(self, statistics: dict[str, Any]) -> None:
        """Statistics are taken and forgotten."""

    def provisioning(self, object_id: str) -> str | None:
        """The last provisioning status of an object, whatever its kind."""
        return self._status(object_id, "provisioning_status")

    def operating(self, object_id: str) -> str | None:
        """The last operating status of an object, whatever its kind."""
        return self._status(object_id, "operating_status")

    def _status(self, object_id: str, key: str) -> str | None:
        found = (s.get(key) for (_, an_id), s in self.statuses.items() if an_id == object_id)
        return next(found, None)

    def _take(self, kind: str, record: dict[str, Any]) -> None:
        if kind not in _KEYS or "id" not in record:
            raise exceptions.UpdateStatusError(
                fault_string="bad status record",
                status_object=kind,
                status_object_id=record.get("id"),
            )
        known = self.statuses.setdefault((kind, record["id"]), {})
        known.update({k: v for k, v in record.items() if k != "id"})
        if record.get("provisioning_status") == "DELETED":
            self._remove(kind, record["id"])

    def _remove(self, kind: str, object_id: str) -> None:
        if kind == "loadbalancers":
            self.trees.pop(object_id, None)
            return
        for tree in self.trees.values():
            for node in tuple(_nodes(tree)):
                _prune(node, _KEYS[kind], object_id)


def _nodes(node: Any) -> Iterator[dict[str, Any]]:
    """A tree's dicts, parents first."""
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from _nodes(value)
    elif isinstance(node, list):
        for value in node:
            yield from _nodes(value)


def _prune(node: dict[str, Any], key: str, object_id: str) -> None:
    """Take children with this id out of a node. References (``default_pool_id``) that point at it
    are cleared, as Octavia's database does."""
    for name, value in tuple(node.items()):
        if isinstance(value, list):
            node[name] = [v for v in value if not _is(v, key, object_id)]
        elif _is(value, key, object_id) or (
            value == object_id and name in ("default_pool_id", "redirect_pool_id")
        ):
            node[name] = None


def _is(value: Any, key: str, object_id: str) -> bool:
    """Members carry their pool's id too, rules their policy's: the deepest id is the own one."""
    if not isinstance(value, dict):
        return False
    own = next((k for k in reversed(_KEYS.values()) if k in value), None)
    return own == key and value.get(key) == object_id
