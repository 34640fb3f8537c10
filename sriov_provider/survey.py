"""What Neutron, Nova and Placement tell about VFs: bulk reads, each by itself.

A service that does not answer, or does not let us see, costs what it alone knows: a sentence says
so and the rest is there all the same.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, TypeVar

from sriov_provider.capacity.model import TUNNELLED, BoundPort, Outside, Stock
from sriov_provider.cloud import COMPUTE, NETWORK, PLACEMENT, Cloud
from sriov_provider.errors import ProviderError
from sriov_provider.rest import Rest

T = TypeVar("T")
_AGENT = "NIC Switch agent"
# Of every page of ports; and ids in one request, so that its line stays below 4 KiB.
_PAGE, _CHUNK = 1000, 50
_PORT_FIELDS = ("id", "binding:host_id", "binding:profile")
_NETWORK_FIELDS = ("id", "provider:physical_network", "provider:network_type", "segments")
_PCI_TRAIT = "COMPUTE_MANAGED_PCI_DEVICE"


class Survey:
    """Asks on every call; keeps nothing."""

    def __init__(self, cloud: Cloud, resource_classes: Collection[str] = ()) -> None:
        """:param resource_classes: of Placement, whose inventories are wanted"""
        self._neutron = Rest(cloud, NETWORK)
        self._nova = Rest(cloud, COMPUTE)
        self._placement = Rest(cloud, PLACEMENT)
        self._classes = tuple(resource_classes)

    def outside(self, networks: Collection[str]) -> Outside:
        """:param networks: whose physical networks are wanted; at least one Neutron call each 50"""
        asked = _Asked()
        agents = asked.try_to("which hosts have an SR-IOV agent", self._agents)
        found = Outside(
            ports=asked.try_to("VFs that others hold", self._ports),
            physnets=asked.try_to("physical networks", lambda: self._physnets(networks)) or {},
            mapped=None if agents is None else {a["host"]: _mapped(a) for a in agents},
            agents_down=frozenset(a["host"] for a in agents or () if not _works(a)),
            hosts_down=asked.try_to("hosts that are down or disabled", self._hosts_down),
            stocks=asked.try_to("inventories of VFs", self._stocks) or {},
        )
        return dataclasses.replace(found, unknown=tuple(asked.unknown))

    def _agents(self) -> tuple[Mapping[str, Any], ...]:
        return tuple(self._neutron.get("/agents", agent_type=_AGENT)["agents"])

    def _ports(self) -> tuple[BoundPort, ...] | None:
        """None when Neutron does not show us bindings: then it shows us our own ports only."""
        found = []
        for port in self._neutron.pages("/ports", "ports", fields=_PORT_FIELDS, limit=_PAGE):
            if "binding:host_id" not in port:
                return None
            profile = port.get("binding:profile") or {}
            if profile.get("pci_slot") and port["binding:host_id"]:
                physnet = profile.get("physical_network") or TUNNELLED
                found.append(BoundPort(port["id"], port["binding:host_id"], physnet))
        return tuple(found)

    def _physnets(self, networks: Collection[str]) -> dict[str, str]:
        found = {}
        for some in _chunks(sorted(networks)):
            query = {"id": some, "fields": _NETWORK_FIELDS}
            for network in self._neutron.pages("/networks", "networks", **query):
                if physnet := _physnet(network):
                    found[network["id"]] = physnet
        return found

    def _hosts_down(self) -> dict[str, str]:
        services = self._nova.get("/os-services", binary="nova-compute")["services"]
        down = {s["host"]: "its nova-compute is down" for s in services if s["state"] != "up"}
        off = {s["host"]: "it is disabled in Nova" for s in services if s["status"] != "enabled"}
        return down | off

    def _stocks(self) -> dict[str, dict[str, Stock]]:
        if not self._classes:
            return {}
        found: dict[str, dict[str, Stock]] = {name: {} for name in self._classes}
        hosts = self._hosts()
        listed = self._placement.get("/resource_providers", required=_PCI_TRAIT)
        for provider in listed["resource_providers"]:
            host = hosts.get(provider["root_provider_uuid"])
            if host is not None:
                for name, stock in self._inventories(provider["uuid"]):
                    known = found[name].get(host, Stock(0, 0))
                    found[name][host] = Stock(known.total + stock.total, known.used + stock.used)
        return found

    def _hosts(self) -> dict[str, str]:
        """Nova's host by the uuid of its root resource provider: Placement knows only the
        hypervisor's name, which may be another one."""
        hypervisors = self._nova.get("/os-hypervisors/detail")["hypervisors"]
        names = {h["hypervisor_hostname"]: h["service"]["host"] for h in hypervisors}
        roots = self._placement.get("/resource_providers")["resource_providers"]
        return {r["uuid"]: names[r["name"]] for r in roots if r["name"] in names}

    def _inventories(self, provider: str) -> Iterator[tuple[str, Stock]]:
        path = f"/resource_providers/{provider}"
        inventories = self._placement.get(f"{path}/inventories")["inventories"]
        wanted = [name for name in inventories if name in self._classes]
        used = self._placement.get(f"{path}/usages")["usages"] if wanted else {}
        for name in wanted:
            total = inventories[name]["total"] - inventories[name].get("reserved", 0)
            yield name, Stock(total, used.get(name, 0))


class _Asked:
    """Collects what could not be had.

    :ivar unknown: a sentence each
    """

    def __init__(self) -> None:
        self.unknown: list[str] = []

    def try_to(self, what: str, read: Callable[[], T]) -> T | None:
        try:
            found = read()
        except ProviderError as error:
            self.unknown.append(f"{what}: {error.reason.operator}")
            return None
        if found is None:
            self.unknown.append(f"{what}: Neutron shows this user no port bindings")
        return found


def _mapped(agent: Mapping[str, Any]) -> frozenset[str]:
    return frozenset((agent.get("configurations") or {}).get("device_mappings") or ())


def _works(agent: Mapping[str, Any]) -> bool:
    return bool(agent["alive"] and agent["admin_state_up"])


def _physnet(network: Mapping[str, Any]) -> str | None:
    """That of all segments, when it is one; None when it is not shown, or depends on the host."""
    segments = network.get("segments") or [network]
    if any("provider:physical_network" not in segment for segment in segments):
        return None
    names = {segment["provider:physical_network"] or TUNNELLED for segment in segments}
    return str(names.pop()) if len(names) == 1 else None


def _chunks(ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), _CHUNK):
        yield ids[start : start + _CHUNK]
