"""Octavia around the worker: a driver-agent that speaks octavia-lib's protocol on its three
sockets, and users whose requests go through our driver."""

from __future__ import annotations

import itertools
import json
import socketserver
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from octavia_lib.api.drivers import exceptions

from sriov_provider import config
from sriov_provider.api.cloud_reads import CloudReads
from sriov_provider.api.driver import SriovProviderDriver
from sriov_provider.api.services import Services
from sriov_provider.api.store import DatabaseStore
from sriov_provider.api.vip_port import VipPorts
from sriov_provider.db.engine import Sessions
from sriov_provider.deadline import Deadline
from tests.fakes.octavia import FakeDriverAgent
from tests.unit.worker import api, harness

_OK = {"status_code": 200}


class Octavia(FakeDriverAgent):
    """What Octavia knows; lets one wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self.changed = threading.Condition()

    def take(self, status: dict[str, Any]) -> None:
        """A batch of statuses has come."""
        self.update_loadbalancer_status(status)
        self.updates.clear()
        self.log.clear()
        with self.changed:
            self.changed.notify_all()

    def tree(self, load_balancer_id: str) -> dict[str, Any] | None:
        self.log.clear()
        found = self.get_loadbalancer(load_balancer_id)
        return found.to_dict(recurse=True, render_unsets=True) if found else None

    def settled(self, ids: list[str]) -> bool:
        """None of these is PENDING any more."""
        return not any((self.provisioning(i) or "PENDING").startswith("PENDING") for i in ids)

    def provisioning(self, object_id: str) -> str | None:
        """As inherited, for load balancers only and at no cost that grows."""
        return self.statuses.get(("loadbalancers", object_id), {}).get("provisioning_status")

    def wait(self, ids: list[str], seconds: float) -> None:
        """:raises TimeoutError: some are still PENDING"""
        with self.changed:
            if not self.changed.wait_for(lambda: self.settled(ids), seconds):
                raise TimeoutError(f"not settled within {seconds:g} s")


class Sockets:
    """The three sockets of a driver-agent."""

    def __init__(self, octavia: Octavia, directory: Path) -> None:
        self.paths = {name: str(directory / f"{name}.sock") for name in ("status", "stats", "get")}
        answers: dict[str, Callable[[Any], Any]] = {
            "status": lambda said: _taken(octavia, said),
            "stats": lambda said: _OK,
            "get": lambda said: octavia.tree(said["id"]),
        }
        self._servers = [_Server(self.paths[name], answers[name]) for name in self.paths]
        for server in self._servers:
            threading.Thread(target=server.serve_forever, daemon=True).start()

    def close(self) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()


def _taken(octavia: Octavia, said: dict[str, Any]) -> dict[str, Any]:
    try:
        octavia.take(said)
    except exceptions.UpdateStatusError as error:
        return {"status_code": 500, "fault_string": str(error)}
    return _OK


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, path: str, answer: Callable[[Any], Any]) -> None:
        self.answer = answer
        super().__init__(path, _Conversation)


class _Conversation(socketserver.StreamRequestHandler):
    """A length in a line of its own, then so many bytes of JSON; the same back."""

    def handle(self) -> None:
        size = self.rfile.readline()
        if size:
            said = json.loads(self.rfile.read(int(size)))
            text = json.dumps(self.server.answer(said)).encode()  # type: ignore[attr-defined]
            self.wfile.write(b"%d\n" % len(text) + text)


class Users(harness.World):
    """Users and the API, as the unit tests have them, in front of another worker and cloud."""

    def __init__(
        self,
        settings: config.Settings,
        cloud: Any,
        octavia: Octavia,
        wake: Callable[[str], None],
    ) -> None:
        self.sessions = Sessions(settings.database_connection)
        self.cloud, self.agent, self.octavia = cloud, octavia, octavia
        self.balancers, self._numbers = 0, itertools.count(1)
        store, deadline = DatabaseStore(self.sessions, wake), Deadline()
        services = Services(
            store, CloudReads(cloud, cloud, deadline), VipPorts(cloud, deadline), settings
        )
        self.driver = SriovProviderDriver(lambda: services)

    def create(self, **flavor: Any) -> str:
        """A load balancer with a listener, a pool and a member, all in one request."""
        name = f"lb-{self.balancers + 1}"
        pool = self.pool(name)
        pool["members"] = [self.member(pool["pool_id"], "10.32.255.9", "member-subnet")]
        listener = self.listener(name, default_pool_id=pool["pool_id"])
        return self.create_load_balancer(listeners=[listener], pools=[pool], **flavor)

    def first_pool(self, load_balancer_id: str) -> str:
        return str(self.agent.trees[load_balancer_id]["pools"][0]["pool_id"])

    def lb_of(self, object_id: str) -> str:
        """Looks at the newest first: what is asked for is hardly ever old."""
        for name, tree in reversed(tuple(self.agent.trees.items())):
            if any(child[api.KEYS[kind]] == object_id for kind, child in api.walk(tree)):
                return name
        raise KeyError(object_id)

    def timed(self, load_balancer_id: str, act: Callable[[], Any], seconds: float) -> float:
        """Seconds until Octavia has heard that it is done."""
        begun = time.monotonic()
        act()
        self.octavia.wait([load_balancer_id], seconds)
        return time.monotonic() - begun
