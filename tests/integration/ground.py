"""A test's own ground: a physical network with the VFs it wants, networks and flavors on it."""

from __future__ import annotations

import itertools
import json
import time
import uuid
from typing import Any

from tests.demo import trouble
from tests.demo.hosts import Host
from tests.demo.report import expect, wait_for
from tests.demo.settings import PFS, Pf, Settings
from tests.integration.balancer import Balancer


def address(network: Any, last: int) -> str:
    """An address on a network of a ground; 1 to 99 are nobody's."""
    return f"198.19.{network.number}.{last}"


class Ground:
    """What is made here goes away with :meth:`close`, load balancers included."""

    def __init__(self, settings: Settings, api: Any, pf: Pf) -> None:
        self.settings, self.api, self.pf = settings, api, pf
        self.name = f"it-{uuid.uuid4().hex[:8]}"
        self.numbers = itertools.count()
        self.networks: list[Any] = []
        self.flavors: list[tuple[str, str]] = []
        self.balancers: list[Balancer] = []
        self.hosts: list[Host] = []
        self.compute_flavor = api.compute.create_flavor(
            name=self.name, ram=256, vcpus=1, disk=1, is_public=False
        )
        self.public = self.network()
        self.vfs()

    def network(self, physnet: str | None = None, **more: Any) -> Any:
        """A VLAN network with a subnet; by default on this ground's physical network."""
        provider = {
            "provider_network_type": "vlan",
            "provider_physical_network": physnet or self.pf.physnet,
        }
        number = next(self.numbers)
        name = f"{self.name}-{number}"
        made = self.api.network.create_network(name=name, **{**provider, **more})
        self.networks.append(made)
        subnet = self.api.network.create_subnet(
            name=name,
            network_id=made.id,
            cidr=f"198.19.{number}.0/24",
            ip_version=4,
            is_dhcp_enabled=False,
            allocation_pools=[{"start": f"198.19.{number}.100", "end": f"198.19.{number}.199"}],
        )
        made.subnet, made.number = subnet.id, number
        return made

    def host(self, network: Any, last: int) -> Host:
        """A machine on a network of this ground, which is no amphora."""
        name = f"{self.name[3:]}-{network.number}-{last}"
        made = Host(name, network.id, address(network, last), prefix=24)
        self.hosts.append(made)
        return made

    def vfs(self, switchdev: bool = False, **hosts: int) -> None:
        """``vfs(compute2=1)``: hosts which are not named have none."""
        for host in self.settings.compute_hosts:
            trouble.hardware(host, self.pf.name, vfs=hosts.get(host, 0), switchdev=switchdev)

    def flavor(self, **data: Any) -> str:
        """An Octavia flavor of ours with this ground's compute flavor; its id."""
        wanted = {"sriov_vip": True, "compute_flavor": self.compute_flavor.id, **data}
        name = f"{self.name}-{next(self.numbers)}"
        profile = self.api.load_balancer.create_flavor_profile(
            name=name, provider_name="sriov", flavor_data=json.dumps(wanted)
        )
        made = self.api.load_balancer.create_flavor(
            name=name, flavor_profile_id=profile.id, is_enabled=True
        )
        self.flavors.append((str(made.id), str(profile.id)))
        return str(made.id)

    def create(self, flavor: str | None = None, network: Any = None, **body: Any) -> Balancer:
        """A load balancer, as the API has accepted it."""
        began = time.monotonic()
        made = self.api.load_balancer.create_load_balancer(
            name=self.name,
            flavor_id=flavor or self.flavor(),
            vip_subnet_id=(network or self.public).subnet,
            **body,
        )
        found = Balancer(self.settings, self.api, made, answered_in=time.monotonic() - began)
        self.balancers.append(found)
        return found

    def servers(self) -> list[Any]:
        """The amphorae of this ground, half-built ones too."""
        found = self.api.compute.servers(all_projects=True, flavor=self.compute_flavor.id)
        return list(found)

    def ports(self, network: Any = None) -> list[Any]:
        """Ports of amphorae on a network of this ground."""
        found = self.api.network.ports(network_id=(network or self.public).id)
        return [p for p in found if (p.description or "").startswith("octavia-sriov:")]

    def empty(self) -> None:
        """Waits until no server and no port of an amphora is left here."""
        wait_for("servers gone", lambda: not self.servers(), seconds=40)
        for network in self.networks:
            left = [f"{p.name} {p.id}" for p in self.ports(network)]
            expect(not left, f"ports left: {left}")
        groups = [g.name for g in self.api.network.security_groups()]
        left = [b.id for b in self.balancers if f"lb-{b.id}" in groups]
        expect(not left, f"security groups left of {left}")

    def close(self) -> None:
        """Deletes everything; raises when something stays."""
        for host in self.hosts:
            host.remove()
        for balancer in self.balancers:
            balancer.delete()
        self.empty()
        for network in self.networks:
            self.api.network.delete_network(network.id)
        for flavor, profile in self.flavors:
            self.api.load_balancer.delete_flavor(flavor)
            self.api.load_balancer.delete_flavor_profile(profile)
        self.api.compute.delete_flavor(self.compute_flavor.id)
        self.vfs()


def of_worker(worker: str) -> Pf:
    """The PF of pytest-xdist's worker gw0, gw1, ...; of gw0 where there are none."""
    spare = [pf for pf in PFS if pf.vfs == 0]
    number = int(worker.removeprefix("gw") or 0)
    expect(number < len(spare), f"{len(spare)} tests at a time at most")
    return spare[number]
