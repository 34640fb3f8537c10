"""Where this cloud keeps what it keeps, and what differs from the whole one."""

from __future__ import annotations

import hashlib
import os
import socket
from dataclasses import dataclass
from pathlib import Path

from tests.demo.settings import LIVE, Settings

HERE = Path(__file__).resolve().parent
# What decides about the content of the databases, beside the demo's own files.
INPUTS = ("settings.py", "bootstrap.py", "cloud.py")
STATE = LIVE / "local"
# Of the amphorae; [local_compute] flavors has it.
FLAVOR = "amphora"


@dataclass(frozen=True)
class LocalSettings(Settings):
    """One cloud without Nova."""

    compute_hosts: tuple[str, ...] = ()

    @property
    def snapshot(self) -> Path:
        digest = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in INPUTS))
        return self.state / f"snapshot-{digest.hexdigest()[:16]}"


def host() -> str:
    """What this host is called in Neutron."""
    return socket.gethostname()


def from_environment(topology: str = "SINGLE") -> LocalSettings:
    """The settings of this run; SRIOV_DEMO_DIR moves the state directory."""
    state = Path(os.environ.get("SRIOV_DEMO_DIR", "/var/tmp/octavia-sriov-demo-local"))
    return LocalSettings(state=state, topology=topology)
