"""Clients, members and amphorae of the story, on the stand-ins of this host."""

from __future__ import annotations

import json
import os
import signal
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sriov_provider.config_local import Local
from sriov_provider.portdriver.base import Settings
from sriov_provider.portdriver.host import HostPorts
from tests.demo import amphorae
from tests.demo import hosts as demo
from tests.demo.chapters import PORT
from tests.demo.client import Client
from tests.demo.virt.links import run
from tests.local.settings import STATE

RUN = Local().run_path


class Host(demo.Host):
    """A machine that is no amphora, on the segment of a network."""

    def __init__(self, wires: HostPorts, name: str, network: Any, address: str) -> None:
        self.name, self.address = name, address
        self.server = None
        run("ip", "netns", "add", name)
        self._wires, self._port = wires, str(uuid.uuid4())
        mac = "02:00:00:" + ":".join(self._port[n : n + 2] for n in (0, 2, 4))
        port = {"id": self._port, "mac_address": mac, "network_id": network["id"]}
        wires.plug(port, (), network, name, "eth0")
        for command in ("link set lo up", f"addr add {address}/20 dev eth0", "link set eth0 up"):
            run("ip", "-n", name, *command.split())

    def remove(self) -> None:
        """The web server, the wire and the namespace."""
        self.stop()
        self._wires.unplug(self._port)
        run("ip", "netns", "del", self.name)


class Cast:
    """Two clients on the public network, and members; neither is known to the cloud."""

    def __init__(self, client: Client) -> None:
        # Their wires are no business of the worker's, which keeps its own elsewhere.
        wires = HostPorts(Settings(state_path=STATE / "others", standin=True))
        networks = {n.name: n for n in client.api.network.networks()}
        public, members = (segment(networks[name]) for name in ("public", "members"))
        self.friend = Host(wires, "client-allowed", public, "198.18.31.10")
        self.stranger = Host(wires, "client-refused", public, "198.18.31.200")
        self.members = [Host(wires, f"member-{n}", members, f"198.18.47.1{n}") for n in (1, 2)]
        for member in self.members:
            member.serve(PORT)

    def remove(self) -> None:
        """All hosts."""
        for host in (self.friend, self.stranger, *self.members):
            host.remove()


def segment(network: Any) -> dict[str, Any]:
    """Neutron's JSON of a network, as far as the port driver reads it."""
    return {
        "id": network.id,
        "mtu": network.mtu,
        "provider:network_type": network.provider_network_type,
        "provider:physical_network": network.provider_physical_network,
        "provider:segmentation_id": network.provider_segmentation_id,
    }


@dataclass(frozen=True)
class Amphora(amphorae.Amphora):
    """One amphora of this host; ``server`` has its id and name."""

    def run(self, *command: str) -> str:
        """Runs a command in the namespace which carries the traffic."""
        inside = ("nsenter", "-t", str(self.pid), "-m", "-n", "ip", "netns", "exec")
        return run(*inside, amphorae.TRAFFIC_NAMESPACE, *command)

    def kill(self) -> float:
        """All of its processes go at once, as in a power failure; when."""
        os.kill(self.pid, signal.SIGKILL)
        return time.monotonic()

    @property
    def pid(self) -> int:
        """Its first process."""
        return int((RUN / self.server.id / "pid").read_text().split()[0])

    @property
    def memory(self) -> float:
        """MiB its processes have for themselves, and their part of what they share."""
        inside = ("nsenter", "-t", str(self.pid), "-p", "-m", "sh", "-c")
        told = run(*inside, "cat /proc/[0-9]*/smaps_rollup", check=False)
        lines = (line.split() for line in told.splitlines())
        return sum(int(words[1]) for words in lines if words[0] == "Pss:") / 1024


def of(client: Client, balancer: Any) -> list[amphorae.Amphora]:
    """The amphorae which have the VIP among the allowed address pairs of a port."""
    found: list[amphorae.Amphora] = []
    for port in client.api.network.ports(network_id=balancer.vip_network_id):
        pairs = [pair["ip_address"].split("/")[0] for pair in port.allowed_address_pairs]
        if balancer.vip_address in pairs and port.device_id:
            record = STATE / "amphorae" / port.device_id / "amphora.json"
            name = json.loads(record.read_text())["name"]
            ports = tuple(client.api.network.ports(device_id=port.device_id))
            found.append(Amphora(SimpleNamespace(id=port.device_id, name=name), ports))
    return found


def places() -> list[str]:
    """Files and processes of amphorae."""
    kept = list((STATE / "amphorae").glob("[!.]*"))
    return [str(path) for path in (*kept, *RUN.glob("*")) if Path(path).exists()]
