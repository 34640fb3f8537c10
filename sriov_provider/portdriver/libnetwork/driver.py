"""The remote driver's verbs, on top of port drivers: no addresses are given out here."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Mapping
from typing import Any, Protocol

from sriov_provider import cloud_errors, vnic
from sriov_provider.errors import Code
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

    def unplug_endpoint(self, endpoint_id: str, neutron_port_id: str) -> None:
        """Take away what any of them has plugged for this endpoint; nothing is fine."""


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

    def recover(self) -> None:
        """Undo what whoever served before had begun; what cannot be undone is told, and tried
        again before the next endpoint."""
        with self._lock:
            self._undo_unfinished()

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
            self._undo_unfinished()
            neutron_id = self._state.network(protocol.text(body, "NetworkID"))
            port = self._chosen(body, neutron_id, given)
            _usable(port, neutron_id, endpoint_id, given)
            self._check_free(port, endpoint_id)
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
                self._unplug(endpoint_id, endpoint.port["id"])
            elif self._state.has_endpoint(endpoint_id):
                # Neutron knows what the damaged file does not tell.
                self._unplug(endpoint_id, *(p["id"] for p in self._neutron.ports_of(endpoint_id)))
        return {}

    def _chosen(self, body: Json, neutron_id: str, given: Wanted) -> Json:
        port_id = protocol.option(body, protocol.PORT_OPTION)
        if port_id:
            return self._neutron.port(port_id)
        if given == Wanted():
            message = f"neither option {protocol.PORT_OPTION} nor an address tells the port"
            raise MalformedError(message)
        return self._neutron.matching_port(neutron_id, given)

    def _check_free(self, port: Json, endpoint_id: str) -> None:
        """Neutron does not know of an endpoint that could not give all of its port back."""
        for other in self._state.endpoints():
            if other.port["id"] == port["id"] and other.id != endpoint_id:
                message = f"port {port['id']} is still in use by endpoint {other.id}"
                raise cloud_errors.failure(Code.PORT_BUSY, message)

    def _plugged(self, endpoint_id: str, network_id: str, port: Json) -> Endpoint:
        network = self._neutron.network(port["network_id"])
        port = self._neutron.limited(port, network)
        subnets = self._neutron.subnets(port)
        begun = Endpoint(endpoint_id, network_id, port, subnets, network, finished=False)
        # Told before it is done: whenever this ends, there is something that tells what to undo.
        self._state.save_endpoint(begun)
        try:
            changes = {"binding:host_id": self._host, "device_id": endpoint_id}
            bound = {**port, **self._neutron.change_port(port["id"], changes)}
            driver = self._drivers.driver(bound, network)
            driver.create_host_iface(endpoint_id, bound, subnets, network)
            endpoint = dataclasses.replace(begun, port=bound, finished=True)
            self._state.save_endpoint(endpoint)
        except BaseException:
            self._undo(begun)
            raise
        return endpoint

    def _undo_unfinished(self) -> None:
        for endpoint in tuple(self._state.endpoints()):
            if not endpoint.finished:
                self._undo(endpoint)

    def _undo(self, endpoint: Endpoint) -> None:
        """The first trouble is the one to tell; engines delete no endpoint that they do not have,
        so what is left waits for the next one."""
        try:
            self._unplug(endpoint.id, endpoint.port["id"])
        except Exception as error:
            LOG.warning("Endpoint %s is left half plugged: %s", endpoint.id, error)

    def _unplug(self, endpoint_id: str, *port_ids: str) -> None:
        for port_id in port_ids:
            self._drivers.unplug_endpoint(endpoint_id, port_id)
            self._neutron.give_back(port_id, endpoint_id)
        self._state.forget_endpoint(endpoint_id)


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
    if port.get("binding:vnic_type") not in vnic.HOST_KINDS:
        message = f"port {port['id']}: vnic_type {port.get('binding:vnic_type')} is not supported"
        raise cloud_errors.failure(Code.CONFIGURATION, message)
