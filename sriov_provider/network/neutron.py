"""The network side, as Neutron serves it. Never asks which extensions there are."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from sriov_provider.cloud import NETWORK, Cloud
from sriov_provider.network import addresses, groups, ports
from sriov_provider.network.base import GroupRule, Network, Port, PortSpec, Route, Subnet
from sriov_provider.rest import Rest

_SLAAC_MODES = frozenset({"slaac", "dhcpv6-stateless"})


class NeutronNetwork:
    """Implements :class:`~sriov_provider.network.base.NetworkClient`. Thread-safe."""

    def __init__(
        self,
        cloud: Cloud,
        retries: int = 15,
        retry_interval: float = 1.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """:param retries: further attempts to delete a security group that is in use
        :param retry_interval: seconds between them
        """
        self._neutron = Rest(cloud, NETWORK)
        self._retries = retries
        self._retry_interval = retry_interval
        self._sleep = sleep

    def network(self, network_id: str) -> Network:
        return _network(self._neutron.get(f"/networks/{network_id}")["network"])

    def subnet(self, subnet_id: str) -> Subnet:
        return _subnet(self._neutron.get(f"/subnets/{subnet_id}")["subnet"])

    def list_networks(self, network_ids: tuple[str, ...]) -> tuple[Network, ...]:
        found = self._neutron.pages("/networks", "networks", id=list(network_ids))
        return tuple(_network(network) for network in found)

    def list_subnets(self, subnet_ids: tuple[str, ...]) -> tuple[Subnet, ...]:
        found = self._neutron.pages("/subnets", "subnets", id=list(subnet_ids))
        return tuple(_subnet(subnet) for subnet in found)

    def free_addresses(self, network_ids: tuple[str, ...]) -> Mapping[str, int]:
        path = "/network-ip-availabilities"
        return addresses.free(self._neutron.get(path, network_id=list(network_ids)))

    def free_in_pools(self, subnet_id: str) -> int:
        body = self._neutron.get(f"/subnets/{subnet_id}", fields="allocation_pools")
        taken = self._neutron.pages(
            "/ports", "ports", fixed_ips=f"subnet_id={subnet_id}", fields=["id", "fixed_ips"]
        )
        return addresses.free_in_pools(subnet_id, body["subnet"], taken)

    def ports(self, owner: str) -> tuple[Port, ...]:
        found = self._neutron.pages("/ports", "ports", description=owner)
        return tuple(ports.parse(port) for port in found)

    def list_ports(self, port_ids: tuple[str, ...]) -> tuple[Port, ...]:
        found = self._neutron.pages("/ports", "ports", id=list(port_ids))
        return tuple(ports.parse(port) for port in found)

    def port(self, port_id: str) -> Port | None:
        body = self._neutron.find(f"/ports/{port_id}")
        return ports.parse(body["port"]) if body else None

    def create_port(self, spec: PortSpec) -> Port:
        answer = self._neutron.call("POST", "/ports", json={"port": ports.request(spec)})
        return ports.parse(answer.body["port"])

    def add_port_addresses(self, port: Port, subnet_ids: tuple[str, ...]) -> Port:
        return self._put(port.id, {"fixed_ips": ports.more_addresses(port, subnet_ids)})

    def update_port(
        self,
        port_id: str,
        *,
        allowed_addresses: tuple[str, ...] | None = None,
        security_groups: tuple[str, ...] | None = None,
        qos_policy_id: str | None = "",
    ) -> Port:
        changes: dict[str, Any] = {}
        if allowed_addresses is not None:
            changes["allowed_address_pairs"] = ports.pairs(allowed_addresses)
        if security_groups is not None:
            changes["security_groups"] = list(security_groups)
        if qos_policy_id != "":
            changes["qos_policy_id"] = qos_policy_id
        return self._put(port_id, changes)

    def _put(self, port_id: str, changes: dict[str, Any]) -> Port:
        answer = self._neutron.call("PUT", f"/ports/{port_id}", json={"port": changes})
        return ports.parse(answer.body["port"])

    def delete_port(self, port_id: str) -> None:
        self._neutron.delete(f"/ports/{port_id}")

    def ensure_security_group(self, name: str, owner: str, sure: Callable[[], None]) -> str:
        found = self.find_security_group(name)
        if found:
            return found
        sure()
        body = {"security_group": {"name": name, "description": owner}}
        answer = self._neutron.call("POST", "/security-groups", json=body)
        return str(answer.body["security_group"]["id"])

    def find_security_group(self, name: str) -> str | None:
        found = self._neutron.pages("/security-groups", "security_groups", name=name, fields="id")
        return next((str(group["id"]) for group in found), None)

    def set_group_rules(self, group_id: str, rules: tuple[GroupRule, ...]) -> None:
        present = self._neutron.pages(
            "/security-group-rules",
            "security_group_rules",
            security_group_id=group_id,
            direction="ingress",
        )
        change = groups.compare(tuple(present), rules)
        self._add_rules(group_id, change.missing)
        for rule_id in change.surplus:
            self._neutron.delete(f"/security-group-rules/{rule_id}")

    def _add_rules(self, group_id: str, rules: tuple[GroupRule, ...]) -> None:
        """All in one call. Neutron adds all or none, so where one is there already (added
        meanwhile by an earlier attempt) each is tried by itself."""
        if not rules:
            return
        path = "/security-group-rules"
        bodies = [groups.request(group_id, rule) for rule in rules]
        answer = self._neutron.call(
            "POST", path, json={"security_group_rules": bodies}, accept=(409,)
        )
        if answer.status != 409:
            return
        for body in bodies:
            single = self._neutron.call(
                "POST", path, json={"security_group_rule": body}, accept=(409,)
            )
            if single.refusal and single.refusal.kind != "SecurityGroupRuleExists":
                raise self._neutron.error(single, "POST", path)

    def delete_security_group(self, group_id: str) -> None:
        path = f"/security-groups/{group_id}"
        for attempt in range(self._retries + 1):
            if attempt:
                self._sleep(self._retry_interval)
            answer = self._neutron.delete(path, accept=(409,))
            if answer.status != 409:
                return
        raise self._neutron.error(answer, "DELETE", path)


def _network(found: Mapping[str, Any]) -> Network:
    return Network(
        id=found["id"],
        name=found["name"],
        mtu=found.get("mtu") or 1500,
        port_security=found.get("port_security_enabled", True),
        physical_network=found.get("provider:physical_network"),
        network_type=found.get("provider:network_type"),
    )


def _subnet(found: Mapping[str, Any]) -> Subnet:
    modes = {found.get("ipv6_ra_mode"), found.get("ipv6_address_mode")}
    routes = (Route(r["destination"], r["nexthop"]) for r in found.get("host_routes") or ())
    return Subnet(
        id=found["id"],
        network_id=found["network_id"],
        cidr=found["cidr"],
        gateway=found.get("gateway_ip"),
        ip_version=found["ip_version"],
        host_routes=tuple(routes),
        dhcp=bool(found.get("enable_dhcp")),
        slaac=bool(modes & _SLAAC_MODES),
    )
