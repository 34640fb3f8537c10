"""Ports plugged by os-vif's own plugin into a real Open vSwitch, and packets through them."""

from __future__ import annotations

import dataclasses
import json
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sriov_provider.portdriver import namespaces
from sriov_provider.portdriver.osvif import facts
from tests.fakes.bound_ports import NETWORK, SUBNETS, Case
from tests.functional import netns
from tests.functional.portdriver.osvif import switch as ovs

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(not ovs.is_installed(), reason="LEFT OUT: openvswitch-switch is missing"),
]
OWNER = "4b1f0e6a-8d35-4a0c-b1de-3f7f2f1c9a10"
SO_NO_CHECK = 11
MACS = ("fa:16:3e:00:00:0a", "fa:16:3e:00:00:0b")


@pytest.fixture(scope="module")
def switch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ovs.Switch]:
    with ovs.switch(tmp_path_factory.mktemp("ovs")) as running:
        yield running


@dataclasses.dataclass(frozen=True)
class Host:
    """Runs the port driver where the switch is."""

    switch: ovs.Switch

    def call(self, verb: str, port: dict[str, Any], database: str = "") -> Any:
        settings = self.switch.directory / "host.conf"
        settings.write_text(f"[os_vif_ovs]\novsdb_connection = {database or self.switch.socket}\n")
        request = {
            "port": port,
            "subnets": SUBNETS,
            "network": NETWORK,
            "settings": [str(settings)],
        }
        module = "tests.functional.portdriver.osvif.host"
        done = subprocess.run(
            [
                *("ip", "netns", "exec", self.switch.space.name),
                *(sys.executable, "-W", "ignore", "-m", module, verb, "endpoint-1"),
            ],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def links(self) -> set[str]:
        """Interfaces of the host, but for those that belong to the switch itself."""
        told = json.loads(self.switch.space.ip("-j", "link", "show"))
        return {link["ifname"] for link in told} - {"lo", "br-int", "ovs-netdev"}


@pytest.fixture
def host(switch: ovs.Switch) -> Host:
    return Host(switch)


def port(number: int, **more: Any) -> dict[str, Any]:
    case = Case("", "ovs", "normal", ovs.details(**more), None)
    mac = {"mac_address": MACS[number], "device_id": OWNER}
    return case.port() | mac | {"id": str(uuid.uuid4())}


def inner(one: dict[str, Any]) -> str:
    return facts.device_name("amp", one["id"])


def outer(one: dict[str, Any]) -> str:
    return facts.device_name("tap", one["id"])


def test_a_port_is_plugged_once_and_taken_back(host: Host) -> None:
    one = port(0)
    assert host.call("create", one) == {"told": [inner(one), ""]}
    assert host.call("create", one) == {"told": [inner(one), ""]}
    assert host.links() == {inner(one), outer(one)}
    assert host.switch.ports("br-int") == {outer(one)}
    ids = host.switch.external_ids(outer(one))
    assert ids["iface-id"] == one["id"]
    assert (ids["attached-mac"], ids["vm-uuid"]) == (MACS[0], OWNER)
    link = json.loads(host.switch.space.ip("-j", "link", "show", inner(one)))[0]
    assert (link["address"], link["mtu"], link["operstate"]) == (MACS[0], 1442, "DOWN")
    for _again in range(2):
        assert host.call("delete", one) == {"told": ["", ""]}
        assert host.links() == set()
        assert host.switch.ports("br-int") == set()


def test_packets_pass_between_two_ports(host: Host) -> None:
    pair = (port(0), port(1))
    with netns.namespace("a") as here, netns.namespace("b") as there:
        for one, space in zip(pair, (here, there), strict=True):
            host.call("create", one)
            moved = (inner(one), space.name, "eth0", one["mac_address"], 1442)
            host.switch.space.inside(lambda moved=moved: namespaces.move_in(*moved))
            space.ip("link", "set", "eth0", "up")
        here.ip("addr", "add", "192.0.2.10/24", "dev", "eth0")
        there.ip("addr", "add", "192.0.2.11/24", "dev", "eth0")
        assert answer(here, there) == b"through the switch"
    for one in pair:
        host.call("delete", one)
    assert host.links() == set()
    assert host.switch.ports("br-int") == set()


def answer(here: netns.Namespace, there: netns.Namespace) -> bytes:
    server = there.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client = here.socket(socket.AF_INET, socket.SOCK_DGRAM)
    # Interface pairs leave checksums to a card, and a datapath in user space does not fill them in.
    client.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
    with server, client:
        server.bind(("192.0.2.11", 9))
        server.settimeout(20)
        client.sendto(b"through the switch", ("192.0.2.11", 9))
        return server.recv(100)


def test_a_port_behind_a_bridge_of_its_own(host: Host) -> None:
    one = port(0, ovs_hybrid_plug=True)
    assert host.call("create", one) == {"told": [inner(one), ""]}
    bridge, above, below = (facts.device_name(p, one["id"]) for p in ("qbr", "qvb", "qvo"))
    assert host.links() == {inner(one), outer(one), bridge, above, below}
    told = json.loads(host.switch.space.ip("-j", "link", "show", "master", bridge))
    assert {link["ifname"] for link in told} == {outer(one), above}
    assert host.switch.ports("br-int") == {below}
    host.call("delete", one)
    assert host.links() == set()
    assert host.switch.ports("br-int") == set()


def test_what_cannot_be_plugged_leaves_nothing(host: Host, tmp_path: Path) -> None:
    told = host.call("create", port(0), database=f"unix:{tmp_path}/nobody")
    assert told["code"] == "cloud-error"
    assert "os-vif cannot plug port" in told["operator"]
    assert host.links() == set()


def test_a_vf_is_none_of_its_ports(host: Host) -> None:
    direct = Case("", "ovs", "direct", ovs.details(), None).port()
    assert host.call("create", direct)["code"] == "unsupported"
    assert host.links() == set()
