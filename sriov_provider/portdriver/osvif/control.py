"""``vrouter-port-control``: its command lines, and running it.

The command announces a port to the vRouter's agent. It splits its command line anew at every blank
before two hyphens and strips double quotes, so neither may be in a value; and it ends with success
where the agent does not answer, which reads what it missed from a file when it comes back.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from sriov_provider import cloud_errors
from sriov_provider.errors import Code, ProviderError

NAMESPACE_PORT = "NameSpacePort"
NOVA_PORT = "NovaVMPort"
# What a command that can announce offloaded ports has, and the public one has not.
OFFLOAD_OPTION = "--vnic_type"
_NO_VLAN = -1
# The agent wants both addresses; these it takes for none.
_NO_IPV4, _NO_IPV6 = "0.0.0.0", "::"
# As the command wants it: who makes the socket that the other one connects to.
_VHOST_USER_MODES = {"client": 0, "server": 1}
_UNSAFE = re.compile(r'["\s]')


class Control(Protocol):
    """Something that announces ports."""

    def offloads(self) -> bool:
        """Whether it can announce offloaded ports."""

    def run(self, arguments: Sequence[str]) -> None:
        """:raises ProviderError: CLOUD_ERROR with what the command said"""


class Command:
    """The installed command."""

    def __init__(self, path: str, timeout: float) -> None:
        """:param path: of the command, or its name
        :param timeout: seconds for one call
        """
        self._path = path
        self._timeout = timeout

    def offloads(self) -> bool:
        return OFFLOAD_OPTION in self._call(["--help"])

    def run(self, arguments: Sequence[str]) -> None:
        self._call(arguments)

    def _call(self, arguments: Sequence[str]) -> str:
        line = [self._path, *arguments]
        try:
            done = subprocess.run(
                line, capture_output=True, text=True, timeout=self._timeout, check=False
            )
        except FileNotFoundError as error:
            message = f"{self._path} is not installed"
            raise cloud_errors.failure(Code.CONFIGURATION, message) from error
        except (OSError, subprocess.TimeoutExpired) as error:
            raise cloud_errors.cloud_error(f"{self._path}: {error}", retriable=True) from error
        if done.returncode:
            said = " ".join((done.stderr or done.stdout).split())[-300:]
            message = f"{' '.join(line)}: exit code {done.returncode}: {said}"
            raise cloud_errors.cloud_error(message, retriable=True)
        return done.stdout


def add(vif: Any, instance: Any, port_type: str) -> tuple[str, ...]:
    """The command line that announces a port.

    :param vif: an os-vif object
    :param instance: an os-vif ``InstanceInfo``: what the port is plugged into
    """
    addresses = list(_addresses(vif))
    pairs = {
        "oper": "add",
        "uuid": vif.id,
        "instance_uuid": instance.uuid,
        "vn_uuid": vif.network.id,
        "vm_project_uuid": instance.project_id if "project_id" in instance else "",
        "ip_address": next((a for a in addresses if ":" not in a), _NO_IPV4),
        "ipv6_address": next((a for a in addresses if ":" in a), _NO_IPV6),
        "vm_name": instance.name,
        "mac": vif.address,
        "tap_name": device(vif),
        "port_type": port_type,
    }
    vhost = {"vif_type": "VhostUser"} if _is_vhost_user(vif) else {}
    vlan = {"tx_vlan_id": _NO_VLAN, "rx_vlan_id": _NO_VLAN}
    return _line(pairs | vhost | _kind(vif) | vlan)


def delete(vif: Any) -> tuple[str, ...]:
    """The command line that takes a port back."""
    return _line({"oper": "delete", "uuid": vif.id, "tap_name": device(vif)} | _kind(vif))


def is_offloaded(vif: Any) -> bool:
    """Whether the port has a representor: a VF, or a VF behind a forwarder."""
    profile = vif.port_profile if "port_profile" in vif else None
    return profile is not None and "datapath_offload" in profile


def device(vif: Any) -> str:
    """The host's end of the port."""
    if "vif_name" in vif:
        return str(vif.vif_name)
    return str(vif.port_profile.datapath_offload.representor_name)


def _kind(vif: Any) -> dict[str, object]:
    found: dict[str, object] = {}
    if is_offloaded(vif):
        found["vnic_type"] = "virtio-forwarder" if _is_vhost_user(vif) else "direct"
        found["pci_dev"] = vif.port_profile.datapath_offload.representor_address
    if _is_vhost_user(vif):
        found["vhostuser_socket"] = vif.path
        found["vhostuser_mode"] = _VHOST_USER_MODES[vif.mode]
    return found


def _is_vhost_user(vif: Any) -> bool:
    return "path" in vif


def _addresses(vif: Any) -> Iterator[str]:
    for subnet in vif.network.subnets.objects:
        yield from (str(ip.address) for ip in subnet.ips.objects)


def _line(pairs: dict[str, object]) -> tuple[str, ...]:
    for name, value in pairs.items():
        if _UNSAFE.search(str(value)):
            message = f"vrouter-port-control cannot be given --{name}={value!r}"
            raise ProviderError(Code.UNSUPPORTED, _USER, message)
    return tuple(f"--{name}={value}" for name, value in pairs.items())


_USER = "A network port could not be connected to the load balancer's instance."
