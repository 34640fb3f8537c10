"""Two real keepalived behind our rules: who has the VIP, and who takes it."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import flask
import pytest
from oslo_config.fixture import Config

from amphora_agent_ext import blueprint
from amphora_agent_ext.apply import Firewall
from amphora_agent_ext.configuration import Configuration
from sriov_provider import tree
from sriov_provider.amphora.base import AmphoraView, VipPlug
from sriov_provider.amphora.model import Serving
from sriov_provider.amphora.octavia_config import Templates
from sriov_provider.firewall import document
from sriov_provider.network.base import Subnet
from sriov_provider.vnic import Filter
from tests.functional import netns
from tests.unit.amphora.conftest import octavia

__all__ = ["octavia"]
pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(shutil.which("keepalived") is None, reason="keepalived is not installed"),
    pytest.mark.skipif(netns.in_user_namespace(), reason="keepalived wants real privileges"),
]
SUBNETS = {
    4: Subnet("s4", "n", "198.18.16.0/24", "198.18.16.1"),
    6: Subnet("s6", "n", "2001:db8:1::/64", "2001:db8:1::1", ip_version=6),
}
PREFIX = {4: "198.18.16.", 6: "2001:db8:1::"}
# Seconds: three advertisements that did not come, and what a loaded machine takes.
TAKEOVER = 3.6
LATE = 8.0


@dataclasses.dataclass
class Amphora:
    """One of a pair.

    :ivar number: last part of its addresses
    """

    name: str
    role: str
    number: int
    space: netns.Namespace
    directory: Path
    family: int
    keepalived: subprocess.Popen[bytes] | None = None

    @property
    def mac(self) -> str:
        return f"fa:16:3e:00:00:{self.number:02x}"

    @property
    def view(self) -> AmphoraView:
        base = f"{PREFIX[self.family]}{self.number}"
        return AmphoraView(self.name, "192.0.2.1", base, "port", self.role)

    def allow(self, lb: tree.LoadBalancer, *peers: Amphora) -> None:
        """The rules of the provider, by way of the agent's endpoint."""
        addresses = tuple(f"{PREFIX[f]}{self.number}" for f in SUBNETS)
        interface = document.Interface(self.mac, Filter.AMPHORA, lb.vip_addresses(), addresses)
        told = document.document(
            lb, [interface], [p.view.vrrp_ip for p in peers], document.peer_port(lb), echo=True
        )
        app = flask.Flask("agent")
        app.register_blueprint(
            blueprint.create(
                Firewall(self.space.name, self.directory / "rules", self.directory / "plugged"),
                Configuration(self.directory),
            )
        )
        answer = app.test_client().post("/1.0/security-group", json=told)
        assert answer.status_code == 200, answer.text

    def configure(self, lb: tree.LoadBalancer, *everybody: Amphora) -> None:
        """As the worker does; keepalived is started, or reloaded where it runs."""
        vip = VipPlug(
            lb.vip_address,
            SUBNETS[self.family],
            self.mac,
            1500,
            self.view.vrrp_ip,
            tuple((v.address, SUBNETS[6]) for v in lb.additional_vips),
        )
        serving = Serving(lb, "ACTIVE_STANDBY", tuple(a.view for a in everybody), 1025)
        config = self.directory / "keepalived.conf"
        config.write_text(Templates().vrrp(serving, self.name, "eth1", vip))
        if self.keepalived:
            self.keepalived.send_signal(1)  # SIGHUP
            return
        words = ["keepalived", "--dont-fork", "--log-console", "--vrrp", "-f", str(config)]
        for option in ("-p", "-r"):
            words += [option, str(self.directory / f"pid{option}")]
        with (self.directory / "log").open("ab") as log:
            # Scripts that take too long are killed by their process group.
            self.keepalived = subprocess.Popen(
                ["ip", "netns", "exec", self.space.name, *words],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def end(self) -> None:
        """It falls silent: no last words, and its wire is cut."""
        self.space.ip("link", "set", "eth1", "down")
        self.stop()

    def stop(self) -> None:
        if self.keepalived:
            self.keepalived.kill()  # its child ends with it
            self.keepalived.wait(10)
        self.keepalived = None

    def tell(self) -> None:
        """What is printed of a test that fails."""
        for words in (("addr",), ("-6", "maddr"), ("neigh",), ("-6", "neigh")):
            print(self.name, self.space.ip(*words))
        log = self.directory / "log"
        print(log.read_text() if log.exists() else "keepalived was not started")

    def has(self, address: str) -> bool:
        return f" {address}/" in self.space.ip("addr", "show", "dev", "eth1")


@dataclasses.dataclass
class Lan:
    """The network of the VIP, with a client on it."""

    space: netns.Namespace

    def plug(self, amphora: Amphora) -> None:
        netns.join(amphora.space, "eth1", amphora.mac, self.space, amphora.name)
        self.space.ip("link", "set", amphora.name, "master", "lan")
        for family, length in ((4, 24), (6, 64)):
            address = f"{PREFIX[family]}{amphora.number}/{length}"
            options = ["nodad"] if family == 6 else []
            amphora.space.ip("addr", "add", address, "dev", "eth1", *options)

    def reaches(self, address: str) -> bool:
        words = ("ip", "netns", "exec", self.space.name, "ping", "-qc1", "-W1", address)
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode in (0, 1, 2), done.stderr  # an answer, none, nowhere to ask
        return done.returncode == 0


@contextmanager
def lan() -> Iterator[Lan]:
    with netns.namespace("lan") as space:
        space.ip("link", "add", "lan", "type", "bridge")
        space.ip("link", "set", "lan", "up")
        space.ip("addr", "add", "198.18.16.1/24", "dev", "lan")
        space.ip("addr", "add", "2001:db8:1::1/64", "dev", "lan", "nodad")
        yield Lan(space)


Make = Callable[[str, str, int, int], Amphora]


@pytest.fixture
def place(octavia: Config, tmp_path: Path) -> Iterator[tuple[Lan, Make]]:
    """The network, and what puts an amphora on it."""
    octavia.config(group="haproxy_amphora", base_path=str(tmp_path))
    script = tmp_path / "vrrp" / "check_script.sh"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\nexit 0\n")
    script.chmod(0o755)
    with ExitStack() as stack:
        network = stack.enter_context(lan())

        def make(name: str, role: str, number: int, family: int) -> Amphora:
            directory = tmp_path / name
            directory.mkdir()
            space = stack.enter_context(netns.namespace(name))
            made = Amphora(name, role, number, space, directory, family)
            stack.callback(made.stop)
            network.plug(made)
            stack.callback(made.tell)
            return made

        yield network, make
        print(network.space.ip("neigh"), network.space.ip("-6", "neigh"))


def balancer(vip: str, *additional: str) -> tree.LoadBalancer:
    return tree.LoadBalancer(
        id="6d1f4a52-0c5e-4d0e-9a59-3a8f7a4f1b11",
        project_id="p",
        vip_address=vip,
        vip_port_id="port",
        vip_subnet_id="s",
        vip_network_id="n",
        additional_vips=tuple(tree.AdditionalVip(a, "s6") for a in additional),
        listeners=(tree.Listener("li", "HTTP", 80),),
    )


def until(what: Callable[[], bool], seconds: float = LATE) -> float:
    """Seconds it took to become true."""
    begun = time.monotonic()
    while not what():
        assert time.monotonic() - begun < seconds, "it never came true"
        time.sleep(0.05)
    return time.monotonic() - begun


def test_takeover_and_a_new_peer(place: tuple[Lan, Make]) -> None:
    """IPv4, with an IPv6 VIP beside it. The one that took over keeps the VIPs when a new amphora
    joins it, whatever that one's priority."""
    network, make = place
    vips = ("198.18.16.5", "2001:db8:1::5")
    lb = balancer(*vips)
    a, b = make("amp-a", "MASTER", 10, 4), make("amp-b", "BACKUP", 11, 4)
    for one, other in ((a, b), (b, a)):
        one.allow(lb, other)
    for one in (a, b):
        one.configure(lb, a, b)
    until(lambda: all(map(a.has, vips)))
    assert not any(map(b.has, vips))
    until(lambda: all(map(network.reaches, vips)))

    a.end()
    took = until(lambda: all(map(b.has, vips)))
    assert took < TAKEOVER + 2
    until(lambda: all(map(network.reaches, vips)), 3)

    c = make("amp-c", "MASTER", 12, 4)
    c.allow(lb, b)
    b.allow(lb, c)
    b.configure(lb, b, c)
    c.configure(lb, b, c)
    deadline = time.monotonic() + TAKEOVER
    while time.monotonic() < deadline:
        assert all(map(b.has, vips))
        assert not any(map(c.has, vips))
        assert network.reaches(vips[0])
        time.sleep(0.2)


def test_rules_decide_whether_they_hear_each_other(place: tuple[Lan, Make]) -> None:
    """IPv6. While neither lets the other in, both take the VIP."""
    network, make = place
    vip = "2001:db8:1::5"
    lb = balancer(vip)
    a, b = make("amp-a", "MASTER", 10, 6), make("amp-b", "BACKUP", 11, 6)
    for one in (a, b):
        one.allow(lb)
        one.configure(lb, a, b)
    until(lambda: a.has(vip) and b.has(vip))
    a.allow(lb, b)
    b.allow(lb, a)
    until(lambda: a.has(vip) and not b.has(vip))
    a.end()
    assert until(lambda: b.has(vip)) < TAKEOVER + 2
    until(lambda: network.reaches(vip), 3)
