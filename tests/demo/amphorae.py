"""A look into the amphorae of a load balancer."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.demo.client import Client
from tests.demo.report import expect
from tests.demo.virt import server

TRAFFIC_NAMESPACE = "amphora-haproxy"


@dataclass(frozen=True)
class Amphora:
    """One amphora as Nova and Neutron know it."""

    server: Any
    ports: tuple[Any, ...]

    def run(self, *command: str) -> str:
        """Runs a command in the namespace which carries the traffic."""
        pid = (server.directory(self.server.id) / "init.pid").read_text()
        enter = ("nsenter", "-t", pid, "-m", "-n", "ip", "netns", "exec", TRAFFIC_NAMESPACE)
        done = subprocess.run([*enter, *command], capture_output=True, text=True, check=False)
        expect(not done.returncode, f"{self.server.name}: {' '.join(command)}: {done.stderr}")
        return done.stdout

    def has(self, address: str) -> bool:
        """The address is on an interface of the traffic's namespace."""
        return f" {address}/" in self.run("ip", "-o", "addr")

    def kill(self) -> float:
        """All of its processes go at once, as in a power failure; when."""
        pid = int((server.directory(self.server.id) / "init.pid").read_text())
        os.kill(pid, signal.SIGKILL)
        return time.monotonic()

    def mute(self) -> None:
        """It takes and sends nothing on the management network any more, and nobody refuses: as
        when its host has lost its power."""
        pid = (server.directory(self.server.id) / "init.pid").read_text()
        chains = (
            f"chain {hook} {{ type filter hook {hook} priority -300; policy drop; }};"
            for hook in ("input", "output")
        )
        rules = f"table inet mute {{ {' '.join(chains)} }}"
        subprocess.run(("nsenter", "-t", pid, "-n", "nft", rules), check=True)

    def ruleset(self) -> str:
        """The rules in force, as nft prints them."""
        return self.run("nft", "list", "ruleset")

    def dropped(self) -> int:
        """Packets all rules of the amphora have dropped."""
        return sum(drops(json.loads(self.run("nft", "-j", "list", "ruleset"))["nftables"]))


def drops(objects: list[dict[str, Any]]) -> Iterator[int]:
    """Packets of the counters of dropping rules; named counters count once."""
    named = {o["counter"]["name"]: o["counter"]["packets"] for o in objects if "counter" in o}
    used = set()
    for rule in (o["rule"] for o in objects if "rule" in o):
        if not any("drop" in part for part in rule["expr"]):
            continue
        for counter in (part["counter"] for part in rule["expr"] if "counter" in part):
            if isinstance(counter, dict):
                yield counter["packets"]
            else:
                used.add(counter)
    yield from (named[name] for name in used)


def of(client: Client, balancer: Any) -> list[Amphora]:
    """The amphorae which have the VIP among the allowed address pairs of a port."""
    found = []
    for port in client.api.network.ports(network_id=balancer.vip_network_id):
        pairs = [pair["ip_address"].split("/")[0] for pair in port.allowed_address_pairs]
        if balancer.vip_address in pairs and port.device_id:
            node = client.api.compute.find_server(port.device_id, all_projects=True)
            ports = tuple(client.api.network.ports(device_id=port.device_id))
            if node is not None:
                found.append(Amphora(client.api.compute.get_server(node.id), ports))
    return found
