"""An amphora whose interfaces are VFs: the agent's firewall, haproxy and keepalived are real."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amphora_agent_ext import schema
from amphora_agent_ext.apply import Firewall, State
from tests.functional.netns import run
from tests.igb import scenario
from tests.igb.guest.ground import Ground, Port, Space

STATE = Path("/var/lib/octavia")
_LOGS = Path("/run/rsyslog/octavia/log")
_SYSCTL = {
    "net.ipv4.ip_forward": "1",
    "net.ipv4.vs.conntrack": "1",
    "net.ipv4.vs.expire_nodest_conn": "1",
}
# As the image's own script does for each interface that is plugged.
_MASQUERADE = """
table ip image {
  chain postrouting {
    type nat hook postrouting priority srcnat;
    oifname { eth1, eth2 } meta l4proto { udp, sctp } masquerade
  }
}
"""


class Amphora:
    """:param name: of its namespace; ``scenario.BASE`` has the address for ``key``"""

    def __init__(self, ground: Ground, name: str, key: str = "a", host: int = 0) -> None:
        self._ground = ground
        self.key, self.host = key, host
        self.directory = STATE / key
        self.directory.mkdir(parents=True, exist_ok=True)
        self.space: Space = ground.space(name)
        self.firewall = Firewall(name, self.directory / "rules", self.directory / "plugged")
        # Deny-all comes first, then interfaces.
        self.firewall.restore()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        ground.callback(self.end)

    def plug(self, name: str, address: str, vlan: int) -> Port:
        """An interface, up."""
        port = self._ground.plug(self.space, name, address, self.host, vlan)
        self._ground.up(port, address)
        return port

    def allow(self, document: Mapping[str, Any]) -> State:
        return self.firewall.apply(schema.decode(json.dumps(document).encode()))

    def counted(self) -> Mapping[str, Any]:
        """What the firewall has counted."""
        counters = self.firewall.read().counters
        assert counters is not None
        return counters

    def forwards(self) -> None:
        """What the image sets up for listeners that LVS serves."""
        run("modprobe", "-a", "ip_vs", "ip_vs_wrr", "sctp", "nf_conntrack")
        for key, value in _SYSCTL.items():
            self.space.sysctl(key, value)
        self.space.nft("-f", "-", stdin=_MASQUERADE)

    def haproxy(self, config: str) -> None:
        _LOGS.parent.mkdir(parents=True, exist_ok=True)
        (STATE / scenario.LOAD_BALANCER).mkdir(exist_ok=True)
        path = self._config("haproxy", config)
        self._start("haproxy", "haproxy", "-db", "-f", str(path))

    def keepalived(self, what: str, config: str, *options: str) -> None:
        """:param what: tells this one from others in the same amphora"""
        path = self._config(what, config)
        words = ["keepalived", "--dont-fork", "--log-console", "-f", str(path), *options]
        for option in ("-p", "-r", "-c"):
            words += [option, str(self.directory / f"{what}{option}.pid")]
        self._start(what, *words)

    def kill(self, what: str) -> None:
        """No last words."""
        process = self._processes.pop(what)
        run("pkill", "-KILL", "-P", str(process.pid))
        process.kill()
        process.wait(10)

    def explain(self, what: str) -> str:
        """Why nothing may come: the end of a program's log, and the rules."""
        log = (self.directory / f"{what}.log").read_text().splitlines()[-15:]
        inside = (self.space.nft("list", "ruleset"), self.space.ip("addr"))
        print("\n".join(inside))
        return "\n".join(log)

    def end(self) -> None:
        for process in self._processes.values():
            process.terminate()
            process.wait(10)

    def _config(self, what: str, text: str) -> Path:
        path = self.directory / f"{what}.conf"
        path.write_text(text)
        path.chmod(0o644)
        return path

    def _start(self, what: str, *words: str) -> None:
        with (self.directory / f"{what}.log").open("wb") as log:
            self._processes[what] = subprocess.Popen(
                ["ip", "netns", "exec", self.space.name, *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
