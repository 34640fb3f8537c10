from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from sriov_provider.cloud_errors import cloud_error
from sriov_provider.portdriver.libnetwork import app
from sriov_provider.portdriver.libnetwork.driver import RemoteDriver
from sriov_provider.portdriver.libnetwork.neutron import Neutron
from sriov_provider.portdriver.libnetwork.state import State
from tests.fakes.engine_neutron import NeutronRest

NETWORK = "11111111-0000-4000-8000-000000000001"
PORT = "22222222-0000-4000-8000-000000000001"
MAC = "fa:16:3e:00:00:01"
ENGINE_NETWORK = "a" * 64
ENDPOINT = "e" * 64


@dataclasses.dataclass
class Drivers:
    """One port driver for all ports, which keeps names of interfaces.

    :ivar plugged: endpoint id -> port id
    :ivar fails: whether it cannot plug anything
    :ivar dies: what happens in the middle of a plug
    :ivar told: the port that was plugged last, as it was told of it
    """

    plugged: dict[str, str] = dataclasses.field(default_factory=dict)
    fails: bool = False
    stuck: bool = False
    dies: type[BaseException] | None = None
    told: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def driver(self, _port: Mapping[str, Any], _network: Mapping[str, Any] | None) -> Any:
        return self

    def create_host_iface(
        self,
        endpoint_id: str,
        port: Mapping[str, Any],
        subnets: Any,
        network: Mapping[str, Any],
    ) -> tuple[str, str]:
        assert network["id"] == port["network_id"]
        assert [s["id"] for s in subnets] == [f["subnet_id"] for f in port["fixed_ips"]]
        if self.fails:
            raise cloud_error("no free VF")
        self.plugged[endpoint_id] = port["id"]
        self.told = port
        if self.dies:
            raise self.dies
        return "", ""

    def get_container_iface_name(self, port: Mapping[str, Any]) -> str:
        return "if" + port["id"][:8]

    def unplug_endpoint(self, endpoint_id: str, port_id: str) -> None:
        if self.stuck:
            raise cloud_error("interface is stuck")
        if self.plugged.get(endpoint_id) == port_id:
            del self.plugged[endpoint_id]


@dataclasses.dataclass
class Engine:
    """A container engine."""

    client: FlaskClient
    rest: NeutronRest
    drivers: Drivers
    state: State

    def post(self, path: str, body: Any = None) -> Any:
        answer = self.client.post(path, json={} if body is None else body)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return answer.get_json(force=True)

    def verb(self, name: str, **body: Any) -> Any:
        return self.post(f"/NetworkDriver.{name}", body)

    def create_network(self, neutron_id: str = NETWORK) -> Any:
        options = {"com.docker.network.generic": {"neutron.net.uuid": neutron_id}}
        return self.verb("CreateNetwork", NetworkID=ENGINE_NETWORK, Options=options)

    def create_endpoint(
        self, interface: Any = None, endpoint: str = ENDPOINT, **options: str
    ) -> Any:
        return self.verb(
            "CreateEndpoint",
            NetworkID=ENGINE_NETWORK,
            EndpointID=endpoint,
            Options={name.replace("_", "."): value for name, value in options.items()},
            Interface=interface,
        )

    def endpoint_verb(self, name: str) -> Any:
        return self.verb(name, NetworkID=ENGINE_NETWORK, EndpointID=ENDPOINT)

    def restart(self) -> None:
        self.client = served(self.rest, self.drivers, self.state)

    def port(self) -> dict[str, Any]:
        return self.rest.objects[f"/ports/{PORT}"]


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    rest = NeutronRest()
    rest.add("network", id=NETWORK, name="vip", mtu=1500)
    rest.add(
        "subnet",
        id="s4",
        network_id=NETWORK,
        cidr="192.0.2.0/24",
        ip_version=4,
        gateway_ip="192.0.2.1",
        host_routes=[{"destination": "203.0.113.0/24", "nexthop": "192.0.2.9"}],
    )
    rest.add(
        "subnet",
        id="s6",
        network_id=NETWORK,
        cidr="2001:db8::/64",
        ip_version=6,
        gateway_ip=None,
        host_routes=[],
    )
    rest.add("port", **port(PORT, MAC, "192.0.2.10", "2001:db8::10"))
    drivers, state = Drivers(), State(tmp_path / "state")
    return Engine(served(rest, drivers, state), rest, drivers, state)


def served(rest: NeutronRest, drivers: Drivers, state: State) -> FlaskClient:
    """As the command does it."""
    remote = RemoteDriver(Neutron(rest), drivers, state, "node-1")  # type: ignore[arg-type]
    remote.recover()
    return app.make(remote).test_client()


def port(port_id: str, mac: str, *addresses: str) -> dict[str, Any]:
    return {
        "id": port_id,
        "network_id": NETWORK,
        "mac_address": mac,
        "device_id": "",
        "status": "DOWN",
        "fixed_ips": [
            {"subnet_id": "s6" if ":" in a else "s4", "ip_address": a} for a in addresses
        ],
        "binding:vnic_type": "normal",
        "binding:vif_type": "unbound",
        "binding:host_id": "",
        "binding:profile": {},
    }
