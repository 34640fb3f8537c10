"""Where everything is and how big the cloud is. Nothing here starts anything."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
IP = "127.0.0.1"
# The cloud lives in a network namespace of its own, so the services keep their usual ports.
PORTS = {
    "mysql": 3306,
    "rabbitmq": 5672,
    "epmd": 4369,
    "memcached": 11211,
    "keystone": 5000,
    "placement": 8778,
    "neutron": 9696,
    "nova": 8774,
    "glance": 9292,
    "octavia": 9876,
}
# Throw-away: reachable from inside the cloud's own network namespace only.
PASSWORD = "demo-password"
REGION = "RegionOne"
# From 198.18.0.0/15, the range set aside for tests (RFC 2544).
MANAGEMENT_CIDR = "198.18.0.0/20"
MANAGEMENT_IP = "198.18.0.1"
PUBLIC_CIDR = "198.18.16.0/20"
MEMBERS_CIDR = "198.18.32.0/20"
PRIVATE_CIDR = "198.18.48.0/20"
# From 2001:2::/48, its counterpart for IPv6 (RFC 5180).
PUBLIC_CIDR6 = "2001:2:0:10::/64"
MEMBERS_CIDR6 = "2001:2:0:20::/64"
# Where our health manager hears; the stock one has 5555.
HEARTBEAT_PORT = 5556
# Seconds of silence after which an amphora counts as dead.
HEARTBEAT_TIMEOUT = 20
LIVE = Path("/run/demo")
# Image and compute flavor of servers that are no amphorae.
GUEST = "webserver"


@dataclass(frozen=True)
class Pf:
    """One PF of a compute host; every host has the same, until it is told otherwise."""

    name: str
    bus: str
    physnet: str
    vfs: int
    switchdev: bool = False

    @property
    def address(self) -> str:
        return f"0000:{self.bus}:00.0"

    @property
    def mac(self) -> str:
        return f"02:aa:00:00:{self.bus}:00"


# Two with plenty of VFs, and four without any, each on a physical network of its own: a test gives
# a host the few VFs it needs there, and disturbs nobody else.
PFS = (
    Pf("pf0", "81", "physnet1", 8),
    Pf("pf1", "82", "physnet1", 8),
    *(Pf(f"pf{n}", f"8{n + 1}", f"physnet{n}", 0) for n in range(2, 6)),
)
PHYSNETS = tuple(dict.fromkeys(pf.physnet for pf in PFS))
DATABASES = (
    "keystone",
    "placement",
    "glance",
    "neutron",
    "nova_api",
    "nova_cell0",
    "nova_cell1",
    "octavia",
    "octavia_persistence",
    "sriov_provider",
)


@dataclass(frozen=True)
class Settings:
    """One demo cloud."""

    state: Path
    provider: str = "sriov"
    topology: str = "SINGLE"
    compute_hosts: tuple[str, ...] = ("compute1", "compute2")
    venv: Path = field(default_factory=lambda: Path(sys.prefix))

    @property
    def log(self) -> Path:
        return self.state / "log"

    @property
    def etc(self) -> Path:
        return self.state / "etc"

    @property
    def snapshot(self) -> Path:
        return self.state / "snapshot"

    @property
    def keeper_pid(self) -> Path:
        return self.state / "keeper.pid"

    @property
    def bin(self) -> Path:
        return self.venv / "bin"


def from_environment(provider: str = "sriov", topology: str = "SINGLE") -> Settings:
    """The settings of this run; SRIOV_DEMO_DIR moves the state directory."""
    state = Path(os.environ.get("SRIOV_DEMO_DIR", "/var/tmp/octavia-sriov-demo"))
    return Settings(state=state, provider=provider, topology=topology)


def database_url(name: str) -> str:
    """The SQLAlchemy URL of a database of the cloud."""
    return f"mysql+pymysql://demo:{PASSWORD}@{IP}:{PORTS['mysql']}/{name}?charset=utf8mb4"


def url(service: str, path: str = "") -> str:
    """The HTTP address of one of the APIs."""
    return f"http://{IP}:{PORTS[service]}{path}"
