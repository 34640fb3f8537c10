"""Plays a container engine: speaks to the driver's socket, and moves interfaces as libnetwork does.

What libnetwork does: it moves ``SrcName`` into the sandbox under ``DstPrefix`` and a number, gives
it MAC and addresses, brings it up and adds the routes; on leaving it moves it back.
"""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.functional import netns


class _Unix(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=60)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def command(config: Path, path: Path) -> list[str]:
    """What an operator starts."""
    program = [sys.executable, "-W", "ignore", "-m", "sriov_provider.cmd.main"]
    return [*program, "--config-file", str(config), "libnetwork", "--socket", str(path)]


class Driver:
    """The command, in the network namespace of a host."""

    def __init__(self, space: netns.Namespace, config: Path, path: Path) -> None:
        self.path = path
        self.process = subprocess.Popen(["ip", "netns", "exec", space.name, *command(config, path)])

    def wait(self) -> None:
        deadline = time.monotonic() + 60
        while not self.path.exists():
            assert self.process.poll() is None, "the driver has ended"
            assert time.monotonic() < deadline, "the driver does not listen"
            time.sleep(0.1)

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(60)

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        connection = _Unix(self.path)
        try:
            connection.request("POST", path, json.dumps(body or {}))
            answer = connection.getresponse()
            told = json.loads(answer.read())
            assert answer.status == 200, told
            return told
        finally:
            connection.close()


class Engine:
    """:ivar host: the namespace the driver runs in"""

    def __init__(self, driver: Driver, host: netns.Namespace) -> None:
        self._driver = driver
        self.host = host

    def create_network(self, network: str, neutron_id: str) -> None:
        options = {"com.docker.network.generic": {"neutron.net.uuid": neutron_id}}
        body = {"NetworkID": network, "Options": options, "IPv4Data": [], "IPv6Data": []}
        assert self._driver.post("/NetworkDriver.CreateNetwork", body) == {}

    def connect(self, network: str, endpoint: str, port: str, sandbox: netns.Namespace) -> None:
        """A container on the network, with this port."""
        ids = {"NetworkID": network, "EndpointID": endpoint}
        options = {"neutron.port.uuid": port}
        made = self._driver.post(
            "/NetworkDriver.CreateEndpoint", ids | {"Options": options, "Interface": {}}
        )["Interface"]
        joined = self._driver.post(
            "/NetworkDriver.Join", ids | {"SandboxKey": f"/run/netns/{sandbox.name}"}
        )
        name = joined["InterfaceName"]
        inside = f"{name['DstPrefix']}0"
        self.host.ip("link", "set", name["SrcName"], "netns", sandbox.name, "name", inside)
        sandbox.ip("link", "set", inside, "address", made["MacAddress"])
        sandbox.ip("addr", "add", made["Address"], "dev", inside)
        sandbox.ip("link", "set", inside, "up")
        if joined.get("Gateway"):
            sandbox.ip("route", "add", "default", "via", joined["Gateway"])

    def disconnect(self, network: str, endpoint: str, sandbox: netns.Namespace | None) -> None:
        """:param sandbox: None for a container that has died with its namespace"""
        ids = {"NetworkID": network, "EndpointID": endpoint}
        if sandbox is not None:
            sandbox.ip("link", "set", "eth0", "down")
            pid = str(self._driver.process.pid)
            sandbox.ip("link", "set", "eth0", "netns", pid, "name", f"back{endpoint[:4]}")
        assert self._driver.post("/NetworkDriver.Leave", ids) == {}
        assert self._driver.post("/NetworkDriver.DeleteEndpoint", ids) == {}
