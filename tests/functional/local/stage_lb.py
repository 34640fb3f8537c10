"""A load balancer on an amphora of the stage, as a worker would set it up."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sriov_provider import tree
from sriov_provider.amphora.base import AmphoraView, Endpoint
from sriov_provider.compute.base import Server
from sriov_provider.firewall import document
from sriov_provider.vnic import Filter
from tests.functional.local.stage import MEMBERS, PUBLIC, VIP, Stage

T = TypeVar("T")
ALLOWED = "198.18.16.0/25"
PORT = 8080
AMPHORA = "11111111-1111-1111-1111-111111111111"
PEER_PORT = 1025


def uid(number: int) -> str:
    return f"00000000-0000-0000-0000-{number:012d}"


class Host:
    """A client or member in a namespace of its own, on a wire of the segment."""

    def __init__(self, stage: Stage, name: str, network: str, address: str) -> None:
        self.name, self.address = name, address
        port_id = stage.neutron.port(network)
        subprocess.run(("ip", "netns", "add", name), check=True)
        port = stage.neutron.ports[port_id]
        stage.others.plug(port, (), stage.neutron.networks[network], name, "eth0")
        self.run("ip", "link", "set", "lo", "up")
        self.run("ip", "addr", "add", f"{address}/20", "dev", "eth0")
        self.run("ip", "link", "set", "eth0", "up")

    def run(self, *words: str) -> str:
        command = ("ip", "netns", "exec", self.name, *words)
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def serve(self, place: Path) -> None:
        """A web server that says its host's name."""
        place.mkdir()
        (place / "index.html").write_text(self.name)
        web = (sys.executable, "-m", "http.server", "--bind", self.address, "-d", str(place))
        subprocess.Popen(
            ("ip", "netns", "exec", self.name, *web, str(PORT)),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def get(self, url: str) -> str | None:
        """None without an answer."""
        curl = ("curl", "-s", "-f", "-m", "2", "--noproxy", "*", url)
        done = subprocess.run(
            ("ip", "netns", "exec", self.name, *curl), capture_output=True, text=True, check=False
        )
        return done.stdout or None


@dataclasses.dataclass
class Served:
    """:ivar friend: a client that may come in
    :ivar stranger: one that may not
    """

    stage: Stage
    server: Server
    endpoint: Endpoint
    vip_port: str
    friend: Host
    stranger: Host
    member: Host
    member_port: str = ""

    @property
    def url(self) -> str:
        return f"http://{VIP}/"

    def balancer(self) -> tree.LoadBalancer:
        member = tree.Member(uid(4), uid(3), self.member.address, PORT, f"{MEMBERS}-4")
        pool = tree.Pool(uid(3), "HTTP", "ROUND_ROBIN", members=(member,))
        listener = tree.Listener(
            uid(2), "HTTP", 80, default_pool_id=uid(3), allowed_cidrs=(ALLOWED,)
        )
        return tree.LoadBalancer(
            id=uid(1),
            project_id=uid(9),
            vip_address=VIP,
            vip_port_id=uid(8),
            vip_subnet_id=f"{PUBLIC}-4",
            vip_network_id=PUBLIC,
            listeners=(listener,),
            pools=(pool,),
        )

    def plug_member(self) -> None:
        """Hot-plug of a port for the members' network."""
        self.member_port = self.stage.neutron.port(MEMBERS)
        self.stage.compute.attach_port(self.server.id, self.member_port)
        self.stage.agents.plug_network(self.endpoint, self.stage.member(self.member_port))

    def configure(self) -> None:
        """Rules and haproxy, as a job would."""
        ports = [self.stage.neutron.ports[p] for p in (self.vip_port, self.member_port)]
        interfaces = tuple(
            document.Interface(
                port["mac_address"],
                Filter.AMPHORA,
                (VIP,) if port["network_id"] == PUBLIC else (),
                tuple(ip["ip_address"] for ip in port["fixed_ips"]),
            )
            for port in ports
        )
        agents, balancer = self.stage.agents, self.balancer()
        agents.apply_firewall(self.endpoint, document.document(balancer, interfaces))
        view = AmphoraView(AMPHORA, self.endpoint.address, interfaces[0].addresses[0], uid(8))
        agents.configure(self.endpoint, balancer, "SINGLE", (view,), PEER_PORT)


def serve() -> Served:
    """A load balancer that serves."""
    stage = Stage()
    stage.compute.start()
    vip_port = stage.neutron.port(PUBLIC)
    server = stage.boot(AMPHORA)
    member = Host(stage, "member", MEMBERS, "198.18.47.11")
    member.serve(stage.place / "www")
    served = Served(
        stage, server, stage.endpoint(AMPHORA, server), vip_port,
        Host(stage, "friend", PUBLIC, "198.18.16.100"),
        Host(stage, "stranger", PUBLIC, "198.18.31.200"),
        member,
    )  # fmt: skip
    stage.compute.attach_port(server.id, vip_port)
    stage.agents.wait_ready(served.endpoint, 60)
    stage.agents.plug_vip(served.endpoint, stage.vip(vip_port))
    served.plug_member()
    served.configure()
    return served


def wait(what: str, look: Callable[[], T | None], seconds: float = 30.0) -> T:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError(f"{what}: not within {seconds:g} s")
