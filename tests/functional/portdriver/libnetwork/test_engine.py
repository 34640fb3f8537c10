"""The command, the port driver's stand-ins and an HTTP Neutron; the container engine is played."""

from __future__ import annotations

import json
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.services import Services
from tests.functional import netns
from tests.functional.portdriver.libnetwork.engine import Driver, Engine

pytestmark = pytest.mark.root

NETWORK = "11111111-0000-4000-8000-000000000001"
PORTS = {
    "22222222-0000-4000-8000-00000000000a": ("fa:16:3e:00:00:0a", "192.0.2.10"),
    "33333333-0000-4000-8000-00000000000b": ("fa:16:3e:00:00:0b", "192.0.2.11"),
}
LAN, ENDPOINTS = "a" * 64, ("b" * 64, "c" * 64)
API = "/network/v2.0"


def port(port_id: str, host: str = "") -> dict[str, Any]:
    mac, address = PORTS[port_id]
    return {
        "id": port_id,
        "network_id": NETWORK,
        "mac_address": mac,
        "device_id": "",
        "status": "DOWN",
        "admin_state_up": True,
        "fixed_ips": [{"subnet_id": "s4", "ip_address": address}],
        "binding:vnic_type": "normal",
        "binding:vif_type": "binding_failed" if host else "unbound",
        "binding:host_id": host,
        "binding:profile": {},
    }


@pytest.fixture
def host() -> Iterator[netns.Namespace]:
    with netns.namespace("host") as space:
        yield space


@pytest.fixture
def neutron(host: netns.Namespace) -> Iterator[Services]:
    with host.inside(Services) as services:
        network = {
            "id": NETWORK,
            "name": "vip",
            "mtu": 1450,
            "provider:network_type": "vlan",
            "provider:physical_network": "physnet9",
            "provider:segmentation_id": 107,
        }
        subnet = {
            "id": "s4",
            "network_id": NETWORK,
            "cidr": "192.0.2.0/24",
            "ip_version": 4,
            "gateway_ip": "192.0.2.1",
            "host_routes": [],
        }
        services.answer("GET", f"{API}/networks/{NETWORK}", {"network": network})
        services.answer("GET", f"{API}/subnets/s4", {"subnet": subnet})
        for one in PORTS:
            services.answer("GET", f"{API}/ports/{one}", {"port": port(one)})
            services.answer("PUT", f"{API}/ports/{one}", {"port": port(one, "node-1")})
        yield services


@pytest.fixture
def driver(host: netns.Namespace, neutron: Services, tmp_path: Path) -> Iterator[Driver]:
    config = tmp_path / "octavia.conf"
    config.write_text(
        f"{neutron.auth_section()}\n[port_driver]\nstandin = true\n"
        f"state_path = {tmp_path}/state/ports\n"
    )
    running = Driver(host, config, tmp_path / "sriov.sock")
    try:
        running.wait()
        yield running
    finally:
        running.stop()


def interfaces(space: netns.Namespace) -> set[str]:
    return {link["ifname"] for link in json.loads(space.ip("-j", "link", "show"))} - {"lo"}


def test_two_containers(
    host: netns.Namespace, driver: Driver, neutron: Services, tmp_path: Path
) -> None:
    engine = Engine(driver, host)
    assert driver.post("/Plugin.Activate") == {"Implements": ["NetworkDriver"]}
    engine.create_network(LAN, NETWORK)
    first, second = ENDPOINTS
    with netns.namespace("one") as one:
        with netns.namespace("two") as two:
            for endpoint, port_id, space in zip(ENDPOINTS, PORTS, (one, two), strict=True):
                engine.connect(LAN, endpoint, port_id, space)
                taken = {"port": port(port_id, "node-1") | {"device_id": endpoint}}
                neutron.answer_first("GET", f"{API}/ports/{port_id}", taken, 200)
            assert told(one) == ("fa:16:3e:00:00:0a", 1450, "192.0.2.10")
            assert heard(one, two) == b"from the first"
        # The second container has died with its namespace.
        engine.disconnect(LAN, second, None)
        engine.disconnect(LAN, first, one)
    assert driver.post("/NetworkDriver.DeleteNetwork", {"NetworkID": LAN}) == {}
    assert interfaces(host) == set()
    assert "table netdev" not in host.nft("list", "ruleset")
    assert list((tmp_path / "state").rglob("*.json")) == []
    given_back = {"port": {"device_id": "", "binding:host_id": ""}}
    bodies = {r.path: r.body for r in neutron.requests if r.method == "PUT"}
    assert bodies == {f"{API}/ports/{one}": given_back for one in PORTS}


def told(space: netns.Namespace) -> tuple[str, int, str]:
    link = json.loads(space.ip("-j", "addr", "show", "eth0"))[0]
    address = next(a["local"] for a in link["addr_info"] if a["family"] == "inet")
    return link["address"], link["mtu"], address


def heard(one: netns.Namespace, two: netns.Namespace) -> bytes:
    server = two.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client = one.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with server, client:
        server.bind(("192.0.2.11", 9))
        server.settimeout(20)
        client.sendto(b"from the first", ("192.0.2.11", 9))
        return server.recv(100)


def test_endpoints_outlive_the_driver(
    host: netns.Namespace, driver: Driver, neutron: Services, tmp_path: Path
) -> None:
    first, port_id = ENDPOINTS[0], next(iter(PORTS))
    with netns.namespace("one") as one:
        engine = Engine(driver, host)
        engine.create_network(LAN, NETWORK)
        engine.connect(LAN, first, port_id, one)
        assert driver.stop() == 0
        assert not driver.path.exists()
        again = Driver(host, tmp_path / "octavia.conf", driver.path)
        try:
            again.wait()
            Engine(again, host).disconnect(LAN, first, one)
        finally:
            again.stop()
    assert interfaces(host) == set()


def test_only_root_reaches_the_socket(driver: Driver) -> None:
    mode = driver.path.stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) & 0o077 == 0
