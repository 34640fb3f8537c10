"""Load balancers, clients and members for the operations."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
from typing import Any

from openstack import exceptions

from sriov_provider.db import inventory, jobs, outbox
from sriov_provider.db.engine import Sessions
from sriov_provider.errors import ProviderError
from sriov_provider.records import AmphoraState, Inventory
from tests.demo import bootstrap, conf, leftovers
from tests.demo.hosts import Host
from tests.demo.report import DemoFailure, wait_for
from tests.demo.settings import Settings, database_url
from tests.demo.virt import links

PORT, SECOND_PORT = 80, 8080
# Two halves of a network, each with a client of its own.
HALVES = ("198.18.31.0", "198.18.31.128")
HOSTS = {
    "mx-low": ("public", "198.18.31.10"),
    "mx-high": ("public", "198.18.31.200"),
    "mx-near": ("public", "198.18.30.11"),
    "mx-far": ("members", "198.18.47.21"),
}
PREFIX = "matrix-"


class Stage:
    """:ivar before: what was there before the first load balancer
    :ivar given_up: load balancers that a fault has left behind
    :ivar lost_vfs: told already; Nova holds them until nova-compute starts again
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.api: Any = bootstrap.connect(settings)
        self.octavia = self.api.load_balancer
        self.sessions = Sessions(database_url("sriov_provider"))
        self.nova = Sessions(database_url("nova_cell1"))
        self.lost_vfs: set[str] = set()
        self.numbers = itertools.count(1)
        self.given_up: list[str] = []
        self._clean()
        self.networks = {n.name: n.id for n in self.api.network.networks()}
        self.subnets = {s.name: s.id for s in self.api.network.subnets()}
        self.hosts = {n: Host(n, self.networks[w], a) for n, (w, a) in HOSTS.items()}
        for name in ("mx-near", "mx-far"):
            self.hosts[name].serve(PORT)
        self.flavors = {t: self._flavor(t) for t in ("SINGLE", "ACTIVE_STANDBY")}
        self.before = leftovers.take(self.api)

    def _clean(self) -> None:
        """What a run that was interrupted has left."""
        for name in HOSTS:
            for pid in links.run("ip", "netns", "pids", name, check=False).split():
                os.kill(int(pid), signal.SIGKILL)
            links.run("ip", "netns", "del", name, check=False)
            links.unplug(f"h{name}")
        for found in self.octavia.load_balancers():
            if found.name.startswith(PREFIX):
                self.remove(found.name)

    def _flavor(self, topology: str) -> str:
        name = PREFIX + topology
        known = self.octavia.find_flavor(name)
        if known is not None:
            return str(known.id)
        data = {
            "sriov_vip": True,
            "allow_member_sriov": True,
            "compute_flavor": conf.identifiers()["compute_flavor"],
            "loadbalancer_topology": topology,
        }
        profile = self.octavia.create_flavor_profile(
            name=name, provider_name="sriov", flavor_data=json.dumps(data)
        )
        made = self.octavia.create_flavor(name=name, flavor_profile_id=profile.id, is_enabled=True)
        return str(made.id)

    def find(self, name: str) -> Any:
        """A load balancer by name; None when there is none."""
        return self.octavia.find_load_balancer(name)

    def made_all_the_same(self, name: str) -> str | None:
        """The id of a load balancer for which the API has answered with a failure; None when it was
        not made. Raises DemoFailure when the API does not tell."""
        found: list[Any] = []

        def look() -> bool:
            with contextlib.suppress(exceptions.SDKException):
                found.append(self.find(name))
            return bool(found)

        wait_for(f"whether {name} was made", look, 30, 0.3)
        return str(found[0].id) if found[0] else None

    def inventory(self, balancer_id: str) -> Inventory:
        """What the provider holds."""
        return self.sessions.read(lambda session: inventory.read(session, balancer_id))

    def statuses(self, balancer_id: str) -> dict[str, Any] | None:
        """Octavia's tree of statuses; None when it is gone."""
        answer = self.octavia.get(f"/lbaas/loadbalancers/{balancer_id}/status")
        if answer.status_code == 404:
            return None
        exceptions.raise_from_response(answer)
        tree: dict[str, Any] = answer.json()["statuses"]["loadbalancer"]
        return tree

    def busy(self, balancer_id: str) -> list[str]:
        """Why a load balancer is not at rest; empty when it is."""

        def read(session: Any) -> list[str]:
            rows = jobs.unfinished(session, balancer_id)
            found = [f"job {j.action.value} {j.state.value} attempt {j.attempt}" for j in rows]
            waiting = outbox.undelivered(session, balancer_id)
            found += [f"{waiting} statuses undelivered"] * bool(waiting)
            # One that did not answer is brought up to date when its firewall is looked at.
            amphorae = inventory.read(session, balancer_id).amphorae
            return found + [f"{a.id} stale" for a in amphorae if a.state is AmphoraState.STALE]

        try:
            busy = self.sessions.read(read)
            tree = None if busy else self.statuses(balancer_id)
        except (ProviderError, exceptions.SDKException) as error:
            return [f"cannot be asked: {error}"]
        return busy + ["PENDING at Octavia"] * ("PENDING" in json.dumps(tree))

    def settle(self, balancer_id: str, seconds: float = 150.0) -> None:
        """Waits until nothing is to be done for a load balancer; raises DemoFailure."""
        wait_for(f"{balancer_id} at rest", lambda: not self.busy(balancer_id), seconds, 0.15)

    def wait(self, name: str) -> Any:
        """As :meth:`settle`, and ACTIVE."""
        balancer = self.find(name)
        self.settle(balancer.id)
        found = self.find(name)
        if found.provisioning_status != "ACTIVE":
            raise DemoFailure(f"{name} is {found.provisioning_status}")
        return found

    def create(self, name: str, topology: str = "SINGLE", **body: Any) -> str:
        """Asks for a load balancer; its id."""
        made = self.octavia.create_load_balancer(
            name=name,
            flavor_id=self.flavors[topology],
            vip_subnet_id=self.subnets["public"],
            **body,
        )
        return str(made.id)

    def remove(self, name: str) -> None:
        """A load balancer with all below it, if it is there."""
        found = self.find(name)
        if found is None:
            return
        self.settle(found.id)
        self.octavia.delete_load_balancer(found.id, cascade=True)
        self.settle(found.id)
        if self.find(name) is not None:
            raise DemoFailure(f"{name} could not be deleted")

    def give_up(self, name: str) -> None:
        """It is beyond repair: whatever it has is none of the next scenario's business."""
        found = self.find(name)
        if found is not None:
            self.given_up.append(str(found.id))
            self.octavia.update_load_balancer(found.id, name=f"given-up-{next(self.numbers)}")
        self.before = leftovers.take(self.api)

    def close(self) -> None:
        """All load balancers and hosts."""
        for found in self.octavia.load_balancers():
            if found.name.startswith(PREFIX):
                self.remove(found.name)
        for host in self.hosts.values():
            host.remove()
        self.sessions.dispose()


def member(name: str, stage: Stage) -> dict[str, Any]:
    """The body of a member: ``near`` on the VIP's network, ``far`` on another one, by a VF."""
    body: dict[str, Any] = {
        "name": name,
        "address": HOSTS[f"mx-{name}"][1],
        "protocol_port": PORT,
        "subnet_id": stage.subnets["public" if name == "near" else "members"],
    }
    return body if name == "near" else {**body, "request_sriov": True}


def pool(stage: Stage, *members: str) -> dict[str, Any]:
    """The body of a pool with these members."""
    return {
        "name": "pool",
        "protocol": "HTTP",
        "lb_algorithm": "ROUND_ROBIN",
        "members": [member(name, stage) for name in members],
    }


def listener(name: str, port: int, **more: Any) -> dict[str, Any]:
    """The body of a listener."""
    return {"name": name, "protocol": "HTTP", "protocol_port": port, **more}
