"""The remote driver's verbs, on top of port drivers: no addresses are given out here."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Any, Protocol

from sriov_provider import cloud_errors, vnic
from sriov_provider.errors import Code, ProviderError
from sriov_provider.portdriver.base import PortDriver
from sriov_provider.portdriver.libnetwork import protocol
from sriov_provider.portdriver.libnetwork.neutron import Neutron
from sriov_provider.portdriver.libnetwork.protocol import MalformedError, Wanted
from sriov_provider.portdriver.libnetwork.state import Endpoint, State

LOG = logging.getLogger(__name__)

Json = Mapping[str, Any]


class Drivers(Protocol):
    """The port drivers of this host."""

    def driver(self, neutron_port: Json, network: Json | None) -> PortDriver:
        """The one that serves a port, which is bound to this host or could not be."""

    def unplug(self, neutron_port_id: str) -> None:
        """Take away what any of them has plugged; nothing is fine."""


class RemoteDriver:
    """One verb at a time; each takes and answers what the protocol says.

    All raise ProviderError, and MalformedError for what the protocol does not know.
    """

    def __init__(self, neutron: Neutron, drivers: Drivers, state: State, host: str) -> None:
        """:param host: what Neutron binds ports to"""
        self._host = host
        self._neutron = neutron
        self._drivers = drivers
        self._state = state
        self._lock = threading.Lock()

    def create_network(self, body: Json) -> Json:
        """Of an existing network of Neutron's."""
        network_id = protocol.text(body, "NetworkID")
        neutron_id = protocol.option(body, protocol.NETWORK_OPTION)
        if not neutron_id:
            raise MalformedError(f"option {protocol.NETWORK_OPTION} has to name Neutron's network")
        with self._lock:
            self._state.save_network(network_id, str(self._neutron.network(neutron_id)["id"]))
        return {}

    def delete_network(self, body: Json) -> Json:
        """Neutron's own stays."""
        with self._lock:
            self._state.forget_network(protocol.text(body, "NetworkID"))
        return {}

    def create_endpoint(self, body: Json) -> Json:
        """Plug the port it names, or the one with the MAC address and addresses it asks for."""
        endpoint_id = protocol.text(body, "EndpointID")
        given = protocol.wanted(body)
        with self._lock:
            neutron_id = self._state.network(protocol.text(body, "NetworkID"))
            port = self._chosen(body, neutron_id, given)
            _usable(port, neutron_id, endpoint_id, given)
            endpoint = self._plugged(endpoint_id, body["NetworkID"], port)
        own_mac = vnic.KINDS[port["binding:vnic_type"]].takes_vf
        told = protocol.interface(endpoint.port, endpoint.subnets, given, own_mac=own_mac)
        return {"Interface": told}

    def endpoint_info(self, body: Json) -> Json:
        """What Neutron says of the port."""
        endpoint = self._state.find_endpoint(protocol.text(body, "EndpointID"))
        port = self._neutron.find_port(endpoint.port["id"]) if endpoint else None
        return {"Value": {"status": port["status"]} if port else {}}

    def join(self, body: Json) -> Json:
        """Which interface the engine moves into the container, and its routes."""
        endpoint = self._state.endpoint(protocol.text(body, "EndpointID"))
        driver = self._drivers.driver(endpoint.port, endpoint.network)
        name = driver.get_container_iface_name(endpoint.port)
        return protocol.joined(name, endpoint.port, endpoint.subnets)

    def leave(self, body: Json) -> Json:
        """The engine has taken the interface out already."""
        self._state.endpoint(protocol.text(body, "EndpointID"))
        return {}

    def delete_endpoint(self, body: Json) -> Json:
        """Take the interface away and give the port back; one that is not known is fine."""
        endpoint_id = protocol.text(body, "EndpointID")
        with self._lock:
            endpoint = self._state.find_endpoint(endpoint_id)
            if endpoint is not None:
                self._unplug(endpoint)
        return {}

    def _chosen(self, body: Json, neutron_id: str, given: Wanted) -> Json:
        port_id = protocol.option(body, protocol.PORT_OPTION)
        if port_id:
            return self._neutron.port(port_id)
        if given == Wanted():
            message = f"neither option {protocol.PORT_OPTION} nor an address tells the port"
            raise MalformedError(message)
        return self._neutron.matching_port(neutron_id, given)

    def _plugged(self, endpoint_id: str, network_id: str, port: Json) -> Endpoint:
        network = self._neutron.network(port["network_id"])
        changes = {"binding:host_id": self._host, "device_id": endpoint_id}
        bound = self._neutron.change_port(port["id"], changes)
        endpoint = Endpoint(endpoint_id, network_id, bound, self._neutron.subnets(bound), network)
        # Told before it is done: a crash in between leaves something to delete.
        self._state.save_endpoint(endpoint)
        try:
            driver = self._drivers.driver(bound, network)
            driver.create_host_iface(endpoint_id, bound, endpoint.subnets, network)
        except ProviderError:
            self._undo(endpoint)
            raise
        return endpoint

    def _undo(self, endpoint: Endpoint) -> None:
        """The first trouble is the one to tell; what is left waits for the engine's delete."""
        try:
            self._unplug(endpoint)
        except ProviderError as error:
            LOG.warning("Endpoint %s is left half plugged: %s", endpoint.id, error.reason)

    def _unplug(self, endpoint: Endpoint) -> None:
        self._drivers.unplug(endpoint.port["id"])
        self._neutron.give_back(endpoint.port["id"])
        self._state.forget_endpoint(endpoint.id)


def _usable(port: Json, neutron_id: str, endpoint_id: str, given: Wanted) -> None:
    """Refuse what is another network's, somebody else's, or not what was asked for."""
    if port["network_id"] != neutron_id:
        message = f"port {port['id']} is of network {port['network_id']}, not of {neutron_id}"
        raise cloud_errors.not_found(message)
    if port.get("device_id") not in (None, "", endpoint_id):
        message = f"port {port['id']} is in use by {port['device_id']}"
        raise cloud_errors.failure(Code.PORT_BUSY, message)
    addresses = {fixed["ip_address"] for fixed in port["fixed_ips"]}
    if given.mac not in ("", port["mac_address"].lower()) or not addresses.issuperset(
        given.addresses
    ):
        asked = " ".join(filter(None, (given.mac, *given.addresses)))
        message = f"port {port['id']} has other addresses than the {asked} asked for"
        raise cloud_errors.failure(Code.CONFIGURATION, message)
    if port.get("binding:vnic_type") not in vnic.KINDS:
        message = f"port {port['id']}: vnic_type {port.get('binding:vnic_type')} is not supported"
        raise cloud_errors.failure(Code.CONFIGURATION, message)
