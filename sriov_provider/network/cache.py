"""Reads what never changes once, for the length of one run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, MutableMapping
from typing import TypeVar

from sriov_provider.network.base import (
    GroupRule,
    Network,
    NetworkClient,
    Port,
    PortSpec,
    Subnet,
)

T = TypeVar("T")


class CachedReads:
    """A :class:`NetworkClient` that asks for each network and subnet once. Thread-safe: two
    threads that want the same one wait for one call. Failures are not remembered."""

    def __init__(self, client: NetworkClient) -> None:
        self._client = client
        self._networks: dict[str, Network] = {}
        self._subnets: dict[str, Subnet] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def network(self, network_id: str) -> Network:
        return self._once(self._networks, network_id, self._client.network)

    def subnet(self, subnet_id: str) -> Subnet:
        return self._once(self._subnets, subnet_id, self._client.subnet)

    def _once(self, known: MutableMapping[str, T], key: str, read: Callable[[str], T]) -> T:
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            if key not in known:
                known[key] = read(key)
            return known[key]

    def free_addresses(self, network_ids: tuple[str, ...]) -> Mapping[str, int]:
        return self._client.free_addresses(network_ids)

    def free_in_pools(self, subnet_id: str) -> int:
        return self._client.free_in_pools(subnet_id)

    def ports(self, owner: str) -> tuple[Port, ...]:
        return self._client.ports(owner)

    def port(self, port_id: str) -> Port | None:
        return self._client.port(port_id)

    def create_port(self, spec: PortSpec) -> Port:
        return self._client.create_port(spec)

    def add_port_addresses(self, port: Port, subnet_ids: tuple[str, ...]) -> Port:
        return self._client.add_port_addresses(port, subnet_ids)

    def update_port(
        self,
        port_id: str,
        *,
        allowed_addresses: tuple[str, ...] | None = None,
        security_groups: tuple[str, ...] | None = None,
        qos_policy_id: str | None = "",
    ) -> Port:
        return self._client.update_port(
            port_id,
            allowed_addresses=allowed_addresses,
            security_groups=security_groups,
            qos_policy_id=qos_policy_id,
        )

    def delete_port(self, port_id: str) -> None:
        self._client.delete_port(port_id)

    def ensure_security_group(self, name: str, owner: str, sure: Callable[[], None]) -> str:
        return self._client.ensure_security_group(name, owner, sure)

    def set_group_rules(self, group_id: str, rules: tuple[GroupRule, ...]) -> None:
        self._client.set_group_rules(group_id, rules)

    def find_security_group(self, name: str) -> str | None:
        return self._client.find_security_group(name)

    def delete_security_group(self, group_id: str) -> None:
        self._client.delete_security_group(group_id)
