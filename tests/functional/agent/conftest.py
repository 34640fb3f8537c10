"""An amphora (its namespace with four interfaces), the world it talks to, and its agent's calls."""

from __future__ import annotations

import copy
import dataclasses
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from amphora_agent_ext import blueprint
from amphora_agent_ext.apply import Firewall
from amphora_agent_ext.configuration import Configuration
from amphora_agent_ext.render import TABLE
from tests.functional import netns

MACS = {
    "eth1": "fa:16:3e:00:00:01",  # VIP interface
    "eth2": "fa:16:3e:00:00:02",  # member interface
    "eth3": "fa:16:3e:00:00:03",  # Neutron filters it
    "eth4": "fa:16:3e:00:00:04",  # not in the document
    "eth5": "fa:16:3e:00:00:05",  # not decided
}
VIP4, VIP6 = "198.18.16.5", "2001:db8:1::5"
BASE4, BASE6 = "198.18.16.9", "2001:db8:1::9"
MEMBER4, MEMBER6 = "198.18.32.9", "2001:db8:2::9"  # the amphora's address on the member network
SERVER4, SERVER6 = "198.18.32.20", "2001:db8:2::20"  # a member
PEER4, PEER6 = "198.18.16.10", "2001:db8:1::10"
PINGED4, PINGED6 = "198.18.32.21", "2001:db8:2::21"

DOCUMENT: dict[str, Any] = {
    "version": 1,
    "interfaces": [
        {
            "mac": MACS["eth1"],
            "filter": "amphora",
            "vips": [VIP4, VIP6],
            "addresses": [BASE4, BASE6],
            "dhcp": False,
            "slaac": False,
        },
        {
            "mac": MACS["eth2"],
            "filter": "amphora",
            "vips": [],
            "addresses": [MEMBER4, MEMBER6],
            "dhcp": False,
            "slaac": False,
        },
        {"mac": MACS["eth3"], "filter": "neutron", "vips": [], "addresses": ["198.18.48.9"]},
        {"mac": MACS["eth5"], "filter": "drop", "vips": [], "addresses": ["198.18.64.9"]},
    ],
    "listeners": [
        {"id": "open", "protocol": "tcp", "port": 80, "allowed_cidrs": []},
        {
            "id": "restricted",
            "protocol": "tcp",
            "port": 443,
            "allowed_cidrs": ["10.0.0.0/8", "10.1.0.0/16", "2001:db8:a::/48"],
        },
        {"id": "v4-only", "protocol": "tcp", "port": 81, "allowed_cidrs": ["0.0.0.0/0"]},
    ],
    "members": [
        {"address": SERVER4, "protocol": "tcp", "port": 8080},
        {"address": SERVER6, "protocol": "tcp", "port": 8080},
        {"address": PEER4, "protocol": "tcp", "port": 9000},
    ],
    "ping": [PINGED4, PINGED6],
    "peers": [PEER4, PEER6],
    "peer_port": 1025,
    "echo": False,
}


def document(**changes: Any) -> dict[str, Any]:
    """The document of most tests, with other top-level values."""
    return {**copy.deepcopy(DOCUMENT), **changes}


@dataclasses.dataclass
class Cabling:
    """The amphora's namespace, the world, and a packet socket at the world's end of each wire."""

    space: netns.Namespace
    world: netns.Namespace
    observer: netns.Observer
    wires: dict[str, socket.socket]


@dataclasses.dataclass
class Amphora:
    """The amphora under test."""

    cabling: Cabling
    firewall: Firewall
    client: FlaskClient

    @property
    def space(self) -> netns.Namespace:
        return self.cabling.space

    def passes(self, interface: str, frame: bytes) -> bool:
        return self.cabling.observer.passes(self.cabling.wires[interface], frame)

    def post(self, body: Any) -> TestResponse:
        return self.client.post("/1.0/security-group", json=body)

    def get(self) -> Any:
        answer = self.client.get("/1.0/security-group")
        assert answer.status_code == 200, answer.text
        return answer.json

    def dropped(self, reason: str) -> int:
        return int(self.get()["counters"]["named"][f"drop_{reason}"]["packets"])

    def ruleset(self) -> str:
        return self.space.nft("list", "ruleset")


@pytest.fixture(scope="module")
def cabling() -> Iterator[Cabling]:
    """Two namespaces with five wires between them: made once for a file, they take a while."""
    with netns.namespace("amp") as space, netns.namespace("world") as world:
        # The world says nothing on its own: what is counted, a test has sent.
        world.sysctl("net.ipv6.conf.default.disable_ipv6", "1")
        for name, mac in MACS.items():
            netns.join(space, name, mac, world, name)
        wires = {name: netns.tap(world, name) for name in MACS}
        yield Cabling(space, world, netns.Observer(space.nft), wires)
        for wire in wires.values():
            wire.close()


@pytest.fixture
def amphora(cabling: Cabling, tmp_path: Path) -> Iterator[Amphora]:
    """Without any table of ours, as a new amphora."""
    firewall = Firewall(cabling.space.name, tmp_path / "firewall.json", tmp_path / "plugged")
    app = flask.Flask("agent")
    app.register_blueprint(blueprint.create(firewall, Configuration(tmp_path)))
    yield Amphora(cabling, firewall, app.test_client())
    cabling.space.nft("-f", "-", stdin=f"table inet {TABLE} {{}}; delete table inet {TABLE}\n")


@pytest.fixture
def ready(amphora: Amphora) -> Amphora:
    """With the usual document in force."""
    answer = amphora.post(document())
    assert answer.status_code == 200, answer.text
    return amphora
