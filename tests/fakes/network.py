"""The network half of the in-memory cloud."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping

from sriov_provider import cloud_errors
from sriov_provider.network.base import FixedIp, GroupRule, Network, Port, PortSpec, Subnet
from tests.fakes.faults import verb
from tests.fakes.state import GroupRow, State, new_id


class FakeNetwork(State):
    """Implements :class:`~sriov_provider.network.base.NetworkClient`."""

    @verb
    def network(self, network_id: str) -> Network:
        return self._network(network_id)

    @verb
    def subnet(self, subnet_id: str) -> Subnet:
        return self._subnet(subnet_id)

    @verb
    def list_networks(self, network_ids: tuple[str, ...]) -> tuple[Network, ...]:
        return tuple(self.networks[i] for i in network_ids if i in self.networks)

    @verb
    def list_subnets(self, subnet_ids: tuple[str, ...]) -> tuple[Subnet, ...]:
        return tuple(self.subnets[i] for i in subnet_ids if i in self.subnets)

    @verb
    def free_addresses(self, network_ids: tuple[str, ...]) -> Mapping[str, int]:
        here = [s for s in self.subnets.values() if s.network_id in network_ids]
        return {s.id: self._free_count(s) - self.outside_pools for s in here}

    @verb
    def free_in_pools(self, subnet_id: str) -> int:
        return self._free_count(self._subnet(subnet_id))

    def _free_count(self, subnet: Subnet) -> int:
        ips = [ip for p in self.port_rows.values() for ip in p.fixed_ips]
        size = ipaddress.ip_network(subnet.cidr).num_addresses
        unusable = 2 + (subnet.gateway is not None)
        return size - unusable - sum(ip.subnet_id == subnet.id for ip in ips)

    @verb
    def ports(self, owner: str) -> tuple[Port, ...]:
        return tuple(p for p in self.port_rows.values() if self.owners[p.id] == owner)

    @verb
    def port(self, port_id: str) -> Port | None:
        return self.port_rows.get(port_id)

    @verb
    def list_ports(self, port_ids: tuple[str, ...]) -> tuple[Port, ...]:
        return tuple(self.port_rows[i] for i in port_ids if i in self.port_rows)

    @verb
    def create_port(self, spec: PortSpec) -> Port:
        self._network(spec.network_id)
        for group_id in spec.security_groups:
            self._group(group_id)
        subnets = spec.subnet_ids or self._default_subnets(spec.network_id)
        return self._add_port(spec, new_id(), self._addresses(subnets))

    @verb
    def add_port_addresses(self, port: Port, subnet_ids: tuple[str, ...]) -> Port:
        ips = (*self._existing(port.id).fixed_ips, *self._addresses(subnet_ids))
        return self._put_port(port.id, fixed_ips=ips)

    @verb
    def update_port(
        self,
        port_id: str,
        *,
        allowed_addresses: tuple[str, ...] | None = None,
        security_groups: tuple[str, ...] | None = None,
        qos_policy_id: str | None = "",
    ) -> Port:
        port = self._existing(port_id)
        if allowed_addresses is not None:
            port = self._put_port(port_id, allowed_addresses=allowed_addresses)
        if security_groups is not None:
            port = self._put_port(port_id, security_groups=security_groups)
        if qos_policy_id != "":
            port = self._put_port(port_id, qos_policy_id=qos_policy_id)
        return port

    @verb
    def delete_port(self, port_id: str) -> None:
        if port_id in self.port_rows:
            self._drop_port(port_id)

    @verb
    def ensure_security_group(self, name: str, owner: str, sure: Callable[[], None]) -> str:
        found = self._group_named(name)
        if found is None:
            sure()
            found = GroupRow(new_id(), name, owner)
            self.groups[found.id] = found
        return found.id

    @verb
    def set_group_rules(self, group_id: str, rules: tuple[GroupRule, ...]) -> None:
        self._group(group_id).rules = rules

    @verb
    def find_security_group(self, name: str) -> str | None:
        found = self._group_named(name)
        return found.id if found else None

    @verb
    def delete_security_group(self, group_id: str) -> None:
        users = [p.id for p in self.port_rows.values() if group_id in p.security_groups]
        if users:
            raise cloud_errors.cloud_error(f"Security Group {group_id} in use", retriable=True)
        self.groups.pop(group_id, None)

    def _network(self, network_id: str) -> Network:
        if network_id not in self.networks:
            raise cloud_errors.not_found(f"Network {network_id} could not be found")
        return self.networks[network_id]

    def _subnet(self, subnet_id: str) -> Subnet:
        if subnet_id not in self.subnets:
            raise cloud_errors.not_found(f"Subnet {subnet_id} could not be found")
        return self.subnets[subnet_id]

    def _existing(self, port_id: str) -> Port:
        if port_id not in self.port_rows:
            raise cloud_errors.not_found(f"Port {port_id} could not be found")
        return self.port_rows[port_id]

    def _group(self, group_id: str) -> GroupRow:
        if group_id not in self.groups:
            raise cloud_errors.not_found(f"Security group {group_id} does not exist")
        return self.groups[group_id]

    def _group_named(self, name: str) -> GroupRow | None:
        return next((g for g in self.groups.values() if g.name == name), None)

    def _default_subnets(self, network_id: str) -> tuple[str, ...]:
        """Neutron takes one subnet of each IP version."""
        chosen: dict[int, str] = {}
        for subnet in self.subnets.values():
            if subnet.network_id == network_id:
                chosen.setdefault(subnet.ip_version, subnet.id)
        return tuple(chosen.values())

    def _addresses(self, subnet_ids: tuple[str, ...]) -> tuple[FixedIp, ...]:
        return tuple(FixedIp(i, self._free_address(self._subnet(i))) for i in subnet_ids)

    def _drop_port(self, port_id: str) -> None:
        """Deleting a bound port makes Nova detach it, so its VF comes free."""
        self._unbind(port_id)
        del self.port_rows[port_id], self.owners[port_id]
