"""Settings of the local compute driver, ``[local_compute]``; part of
:mod:`sriov_provider.config`."""

from __future__ import annotations

import dataclasses
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from oslo_config import cfg

from sriov_provider.errors import Code, ProviderError

GROUP = "local_compute"
OPTS = (
    cfg.StrOpt(
        "state_path",
        default="/var/lib/octavia-sriov/amphorae",
        help="Directory of the amphorae's files, private keys among them. Has to survive a "
        "reboot, and belongs to this host alone.",
    ),
    cfg.ListOpt(
        "flavors",
        default=[],
        sample_default=["small:256:0.5:100", "large:2048:4:400"],
        item_type=cfg.types.String(regex=r"^[^:]+:\d+:\d+(\.\d+)?:\d+$"),
        help="What a compute_flavor of a load balancer's flavor, or [controller_worker] "
        "amp_flavor_id, means here: NAME:MEMORY:CPUS:PROCESSES, memory in MiB. Enforced where the "
        "host has cgroups of version 2.",
    ),
    cfg.StrOpt(
        "cgroup",
        default="octavia-sriov",
        sample_default="system.slice/octavia-sriov-local.service",
        help="The control group, of version 2, in which each amphora gets one of its own; relative "
        "to the root of the hierarchy. Where systemd runs it is to be one that systemd has "
        "delegated.",
    ),
    cfg.StrOpt(
        "management_port",
        default="",
        help="Id of a Neutron port on the management network for this host itself, through which "
        "the worker reaches the amphorae and they reach it. Empty: the host is on that network "
        "already.",
    ),
    cfg.StrOpt(
        "management_interface",
        default="o-mgmt0",
        help="Name of the interface that management_port becomes on this host.",
    ),
    cfg.BoolOpt(
        "bind_ports",
        default=False,
        help="Whether Neutron is told on which host a port is (binding:host_id), as far as the "
        "credentials may. Of use where an agent of Neutron runs on this host, as [port_driver] "
        "osvif needs it; without one Neutron would note that the binding failed. Ports that os-vif "
        "has not plugged are filtered by the amphora alone, either way.",
    ),
    cfg.StrOpt(
        "agent_path",
        default="",
        help="Directory of the commands of the environment in which octavia and the agent "
        "extension are installed. Empty: the worker's own.",
    ),
)


@dataclasses.dataclass(frozen=True)
class Limits:
    """:ivar memory: MiB
    :ivar cpus: how many of them may be busy
    """

    memory: int
    cpus: float
    processes: int


@dataclasses.dataclass(frozen=True)
class Local:
    """:ivar host: what Neutron and the provider's tables call this host
    :ivar agent_path: None for the worker's own
    :ivar run_path: what goes with a reboot
    """

    state_path: Path = Path("/var/lib/octavia-sriov/amphorae")
    flavors: Mapping[str, Limits] = dataclasses.field(default_factory=dict)
    cgroup: str = "octavia-sriov"
    management_port: str | None = None
    management_interface: str = "o-mgmt0"
    bind_ports: bool = False
    agent_path: Path | None = None
    host: str = ""
    run_path: Path = Path("/run/octavia-sriov/amphorae")


def local(conf: Any) -> Local:
    """:param conf: parsed, with OPTS registered in GROUP
    :raises ProviderError: CONFIGURATION when a setting cannot be used
    """
    ours = conf[GROUP]
    return Local(
        state_path=Path(ours.state_path),
        flavors=flavors(ours.flavors),
        cgroup=cgroup(ours.cgroup),
        management_port=ours.management_port or None,
        management_interface=ours.management_interface,
        bind_ports=ours.bind_ports,
        agent_path=Path(ours.agent_path) if ours.agent_path else None,
        host=socket.gethostname(),
    )


def cgroup(told: str) -> str:
    """:returns: relative to the root of the hierarchy, below it
    :raises ProviderError: CONFIGURATION for the root itself, whose processes are the host's, or
        what may be elsewhere
    """
    parts = [part for part in told.split("/") if part not in ("", ".")]
    if not parts or ".." in parts:
        raise ProviderError(
            Code.CONFIGURATION,
            "The load balancer service is not set up completely.",
            f"[{GROUP}] cgroup is {told!r}: it has to name a group below the root, without '..'.",
        )
    return "/".join(parts)


def flavors(told: Sequence[str]) -> dict[str, Limits]:
    """:param told: NAME:MEMORY:CPUS:PROCESSES each"""
    parts = (one.split(":") for one in told)
    return {name: Limits(int(m), float(c), int(p)) for name, m, c, p in parts}
