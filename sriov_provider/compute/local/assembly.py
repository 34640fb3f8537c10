"""The parts of a node, put together from the settings."""

from __future__ import annotations

import dataclasses
from typing import Any

from sriov_provider.cloud import Cloud
from sriov_provider.compute.local import cgroups
from sriov_provider.compute.local.neutron import Ports
from sriov_provider.compute.local.node import Node
from sriov_provider.compute.local.processes import Processes
from sriov_provider.compute.local.records import Records
from sriov_provider.config_local import Local
from sriov_provider.config_port_driver import port_driver
from sriov_provider.portdriver.host import HostPorts


def node(conf: Any, cloud: Cloud, settings: Local) -> Node:
    """:raises ProviderError: CONFIGURATION when the settings cannot be used"""
    ports = port_driver(conf)
    if ports.osvif:
        # The binding tells where on the host's switch such a port goes.
        settings = dataclasses.replace(settings, bind_ports=True)
    return made(settings, cloud, HostPorts(ports))


def made(settings: Local, cloud: Cloud, wires: HostPorts) -> Node:
    """With these ports."""
    return Node(
        settings,
        Records(settings.state_path),
        Ports(cloud, settings.host if settings.bind_ports else None),
        wires,
        Processes(settings.run_path, settings.agent_path),
        cgroups.Cgroups(settings.cgroup, cgroups.hierarchy()),
    )
