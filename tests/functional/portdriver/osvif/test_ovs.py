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
DATAPATH = ("set", "bridge", "br-int", "datapath_type=netdev")
MACS = ("fa:16:3e:00:00:0a", "fa:16:3e:00:00:0b")


@pytest.fixture(scope="module")
def switch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ovs.Switch]:
    with ovs.switch(tmp_path_factory.mktemp("ovs")) as running:
        yield running


@dataclasses.dataclass(frozen=True)
class Host:
    """Runs the port driver where the switch is."""

    switch: ovs.Switch
    state: Path

    def call(self, verb: str, port: dict[str, Any], database: str = "", namespace: str = "") -> Any:
        settings = self.switch.directory / "host.conf"
        settings.write_text(f"[os_vif_ovs]\novsdb_connection = {database or self.switch.socket}\n")
        request = {
            "port": port,
            "subnets": SUBNETS,
            "network": NETWORK,
            "settings": [str(settings)],
            "state": str(self.state),
            "namespace": namespace,
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

    def left(self) -> tuple[set[str], set[str], list[Path]]:
        """Interfaces, those of the switch aside, its ports, and claims."""
        told = json.loads(self.switch.space.ip("-j", "link", "show"))
        links = {link["ifname"] for link in told} - {"lo", "br-int", "ovs-netdev"}
        return links, self.switch.ports("br-int"), list(self.state.glob("*.json"))


NOTHING: tuple[set[str], set[str], list[Path]] = (set(), set(), [])


@pytest.fixture
def host(switch: ovs.Switch, tmp_path: Path) -> Host:
    switch.vsctl("--may-exist", "add-br", "br-int", "--", *DATAPATH)
    return Host(switch, tmp_path / "ports")


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
    assert host.call("create", one) == {"told": inner(one)}
    assert host.call("create", one) == {"told": inner(one)}
    links, ports, claims = host.left()
    assert links == {inner(one), outer(one)}
    assert (ports, len(claims)) == ({outer(one)}, 1)
    ids = host.switch.external_ids(outer(one))
    assert ids["iface-id"] == one["id"]
    assert (ids["attached-mac"], ids["vm-uuid"]) == (MACS[0], OWNER)
    link = json.loads(host.switch.space.ip("-j", "link", "show", inner(one)))[0]
    assert (link["address"], link["mtu"], link["operstate"]) == (MACS[0], 1442, "DOWN")
    for _again in range(2):
        assert host.call("unplug", one) == {"told": None}
        assert host.left() == NOTHING


def test_packets_pass_between_two_ports(host: Host) -> None:
    pair = (port(0), port(1))
    with netns.namespace("a") as here, netns.namespace("b") as there:
        for one, space in zip(pair, (here, there), strict=True):
            assert host.call("plug", one, namespace=space.name) == {"told": outer(one)}
            space.ip("link", "set", "eth0", "up")
        here.ip("addr", "add", "192.0.2.10/24", "dev", "eth0")
        there.ip("addr", "add", "192.0.2.11/24", "dev", "eth0")
        assert answer(here, there) == b"through the switch"
        assert host.call("unplug", pair[0]) == {"told": None}
    # The other one's namespace is gone, and its interfaces with it; the switch still knows them.
    assert host.call("reconcile", pair[1]) == {"told": [pair[1]["id"]]}
    assert host.left() == NOTHING


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
    assert host.call("create", one) == {"told": inner(one)}
    bridge, above, below = (facts.device_name(p, one["id"]) for p in ("qbr", "qvb", "qvo"))
    links, ports, _claims = host.left()
    assert links == {inner(one), outer(one), bridge, above, below}
    told = json.loads(host.switch.space.ip("-j", "link", "show", "master", bridge))
    assert {link["ifname"] for link in told} == {outer(one), above}
    assert ports == {below}
    host.call("unplug", one)
    assert host.left() == NOTHING


def test_what_cannot_be_plugged_stays_on_record_until_it_can_be_taken_back(
    host: Host, tmp_path: Path
) -> None:
    """The switch may have heard of it."""
    one = port(0)
    told = host.call("create", one, database=f"unix:{tmp_path}/nobody")
    assert told["code"] == "cloud-error"
    assert "os-vif cannot plug port" in told["operator"]
    assert len(host.left()[2]) == 1
    assert host.call("unplug", one) == {"told": None}
    assert host.left() == NOTHING
