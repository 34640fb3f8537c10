"""Amphorae on the worker's own host, without Nova and Glance."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from importlib import metadata
from typing import TYPE_CHECKING, Any

from sriov_provider import vnic
from sriov_provider.cloud import Cloud
from sriov_provider.compute import binding, refusals
from sriov_provider.compute.base import ReadBack, Server, ServerSpec
from sriov_provider.config_local import Local, local
from sriov_provider.errors import Code, ProviderError
from sriov_provider.network.base import Port
from sriov_provider.portdriver.base import OSVIF

if TYPE_CHECKING:
    from sriov_provider.compute.local.node import Node
    from sriov_provider.compute.local.records import Amphora

_PACKAGES = ("octavia", "octavia-sriov-provider")


class LocalCompute:
    """Implements :class:`~sriov_provider.compute.base.Compute`. Thread-safe."""

    def __init__(self, conf: Any, cloud: Cloud, settings: Local) -> None:
        self._conf = conf
        self._cloud = cloud
        self._settings = settings

    @functools.cached_property
    def _node(self) -> Node:
        # Not for the API process, which only asks about flavors and images.
        from sriov_provider.compute.local import assembly

        return assembly.node(self._conf, self._cloud, self._settings)

    def start(self) -> None:
        with _told("amphorae cannot be brought back"):
            self._node.restore()

    def image_id(self, tag: str, owner: str | None) -> str:
        """What is installed here takes the place of an image, whatever its tag: another one after
        an update of this host."""
        return "local:" + ",".join(_version(name) for name in _PACKAGES)

    def check_flavor(self, flavor: str) -> None:
        refusals.unknown_flavor(flavor, "local_compute", self._settings.flavors)

    def ensure_server_group(self, name: str, policy: str) -> str:
        refusals.strict_placement(policy, "compute_driver local knows this host alone")
        return name

    def delete_server_group(self, group_id: str) -> None:
        """There was but a name."""

    def create_server(self, spec: ServerSpec) -> Server:
        self.check_flavor(spec.flavor)
        if not spec.files:
            raise refusals.cloud_init("amphorae of compute_driver local")
        with _told(f"amphora {spec.name} cannot be made"):
            return self._server(self._node.create(spec, spec.image_id))

    def find_server(self, name: str) -> Server | None:
        found = (a for a in self._node.records.all() if a.name == name)
        amphora = next(found, None)
        return self._server(amphora) if amphora else None

    def get_server(self, server_id: str) -> Server | None:
        amphora = self._node.records.get(server_id)
        return self._server(amphora) if amphora else None

    def has_server(self, server_id: str) -> bool:
        return self.get_server(server_id) is not None

    def delete_server(self, server_id: str) -> None:
        with _told(f"amphora {server_id} cannot be removed"):
            self._node.delete(server_id)

    def management_ip(self, server_id: str, network_id: str) -> str | None:
        amphora = self._node.records.get(server_id)
        for nic in amphora.nics if amphora else ():
            if nic.ours and nic.network["id"] == network_id and nic.addresses:
                return str(nic.addresses[0].ip)
        return None

    def attach_port(self, server_id: str, port_id: str) -> None:
        with _told(f"port {port_id} cannot be plugged into amphora {server_id}"):
            self._node.attach(server_id, port_id)

    def detach_port(self, server_id: str, port_id: str) -> None:
        with _told(f"port {port_id} cannot be taken from amphora {server_id}"):
            self._node.detach(server_id, port_id)

    def read_back(self, port: Port, server_host: str | None) -> ReadBack:
        """What is plugged is in place, and nobody but the amphora filters it; but for ports of a
        virtual switch Neutron's binding says nothing here."""
        nic = self._node.in_place(port.device_id, port.id) if port.device_id else None
        if nic is None:
            return ReadBack(vnic.Binding.PENDING, vnic.Filter.UNKNOWN)
        if nic.driver == OSVIF:
            return binding.as_bound(port, server_host)
        slot = nic.device if nic.driver == "sriov" else None
        return ReadBack(vnic.Binding.BOUND, vnic.Filter.AMPHORA, nic.driver, slot)

    def _server(self, amphora: Amphora) -> Server:
        fault = self._fault(amphora)
        return Server(
            id=amphora.id,
            name=amphora.name,
            status="ERROR" if fault else "ACTIVE",
            host=self._settings.host,
            fault=fault,
            image_id=amphora.image_id,
        )

    def _fault(self, amphora: Amphora) -> str | None:
        if amphora.damage:
            return f"the amphora's record cannot be read: {amphora.damage}"
        if not amphora.built:
            return "the amphora was not finished"
        if not self._node.processes.running(amphora.id):
            return "the amphora's processes have ended"
        lost = next((nic for nic in amphora.nics if nic.lost), None)
        return f"port {lost.port_id} has lost its interface {lost.device}" if lost else None


@contextlib.contextmanager
def _told(what: str) -> Iterator[None]:
    """What the host refuses, in our words."""
    try:
        yield
    except OSError as error:
        raise ProviderError(
            Code.INTERNAL,
            "The load balancer's host could not do what was asked of it.",
            f"compute_driver local: {what}: {error}",
            retriable=True,
        ) from error


def _version(package: str) -> str:
    try:
        return f"{package}-{metadata.version(package)}"
    except metadata.PackageNotFoundError:
        return f"{package}-unknown"


def from_conf(conf: Any, cloud: Cloud) -> LocalCompute:
    """See :mod:`sriov_provider.compute.drivers`."""
    return LocalCompute(conf, cloud, local(conf))
