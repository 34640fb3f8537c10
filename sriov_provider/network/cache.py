"""Reads what never changes once, for the length of one run."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Generic, Protocol, TypeVar

from sriov_provider.errors import ProviderError
from sriov_provider.network.base import (
    GroupRule,
    Network,
    NetworkClient,
    Port,
    PortSpec,
    Subnet,
)

LOG = logging.getLogger(__name__)


class _Named(Protocol):
    @property
    def id(self) -> str: ...


T = TypeVar("T", bound=_Named)


class _Once(Generic[T]):
    """Things of one sort, each read once. Threads that want the same one wait for one call."""

    def __init__(
        self, one: Callable[[str], T], several: Callable[[tuple[str, ...]], Iterable[T]]
    ) -> None:
        self._one, self._several = one, several
        self._known: dict[str, T] = {}
        self._expected: set[str] = set()
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}

    def expect(self, keys: Iterable[str]) -> None:
        with self._lock:
            self._expected.update(keys)

    def get(self, key: str) -> T:
        with self._lock:
            if key in self._expected:
                self._read_together(self._expected - self._known.keys())
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            if key not in self._known:
                self._known[key] = self._one(key)
            return self._known[key]

    def _read_together(self, keys: AbstractSet[str]) -> None:
        """Tried once: what it does not give is read by itself."""
        self._expected.clear()
        if len(keys) > 1:
            try:
                self._known.update({t.id: t for t in self._several(tuple(sorted(keys)))})
            except ProviderError as error:
                LOG.warning("Each is read by itself: %s", error.reason)


class CachedReads:
    """A :class:`NetworkClient` that asks for each network and subnet once, and for those that are
    expected together. Thread-safe. Failures are not remembered."""

    def __init__(self, client: NetworkClient) -> None:
        self._client = client
        self._networks = _Once(client.network, client.list_networks)
        self._subnets = _Once(client.subnet, client.list_subnets)

    def expect(self, networks: Iterable[str], subnets: Iterable[str]) -> None:
        """These are going to be asked for: the first question reads all of them."""
        self._networks.expect(networks)
        self._subnets.expect(subnets)

    def network(self, network_id: str) -> Network:
        return self._networks.get(network_id)

    def subnet(self, subnet_id: str) -> Subnet:
        return self._subnets.get(subnet_id)

    def list_networks(self, network_ids: tuple[str, ...]) -> tuple[Network, ...]:
        return self._client.list_networks(network_ids)

    def list_subnets(self, subnet_ids: tuple[str, ...]) -> tuple[Subnet, ...]:
        return self._client.list_subnets(subnet_ids)

    def free_addresses(self, network_ids: tuple[str, ...]) -> Mapping[str, int]:
        return self._client.free_addresses(network_ids)

    def free_in_pools(self, subnet_id: str) -> int:
        return self._client.free_in_pools(subnet_id)

    def ports(self, owner: str) -> tuple[Port, ...]:
        return self._client.ports(owner)

    def port(self, port_id: str) -> Port | None:
        return self._client.port(port_id)

    def list_ports(self, port_ids: tuple[str, ...]) -> tuple[Port, ...]:
        return self._client.list_ports(port_ids)

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
