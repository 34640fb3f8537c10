"""A real Open vSwitch in a network namespace, with its datapath in user space."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.functional import netns

SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"


class Switch:
    """:ivar space: where its interfaces are"""

    def __init__(self, space: netns.Namespace, directory: Path) -> None:
        self.space = space
        self.directory = directory
        self.socket = f"unix:{directory}/db.sock"
        self._daemons: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        netns.run("ovsdb-tool", "create", f"{self.directory}/conf.db", SCHEMA)
        self._daemon("ovsdb-server", f"{self.directory}/conf.db", f"--remote=p{self.socket}")
        self.vsctl("--retry", "--no-wait", "init")
        self._daemon("ovs-vswitchd", self.socket)

    def stop(self) -> None:
        for daemon in reversed(self._daemons):
            daemon.terminate()
            daemon.wait(30)

    def vsctl(self, *words: str) -> str:
        return netns.run("ovs-vsctl", "-t", "30", f"--db={self.socket}", *words).strip()

    def ports(self, bridge: str) -> set[str]:
        return set(self.vsctl("list-ports", bridge).split())

    def external_ids(self, interface: str) -> dict[str, str]:
        """What an interface is known as."""
        told = self.vsctl("--format=json", "--columns=external_ids", "list", "Interface", interface)
        return dict(json.loads(told)["data"][0][0][1])

    def _daemon(self, name: str, *arguments: str) -> None:
        control = f"--unixctl={self.directory}/{name}.ctl"
        log = f"--log-file={self.directory}/{name}.log"
        line = [
            "ip",
            "netns",
            "exec",
            self.space.name,
            name,
            *arguments,
            control,
            log,
            "-vconsole:off",
        ]
        environment = {**os.environ, "OVS_RUNDIR": str(self.directory)}
        self._daemons.append(subprocess.Popen(line, env=environment))


def is_installed() -> bool:
    return all(shutil.which(name) for name in ("ovsdb-server", "ovs-vswitchd", "ovs-vsctl"))


@contextlib.contextmanager
def switch(directory: Path) -> Iterator[Switch]:
    with netns.namespace("ovs") as space:
        running = Switch(space, directory)
        try:
            running.start()
            yield running
        finally:
            running.stop()


def details(**more: Any) -> dict[str, Any]:
    """Of a binding to this switch; kernels of small machines have no datapath of its own."""
    return {"bridge_name": "br-int", "datapath_type": "netdev", "port_filter": True, **more}
