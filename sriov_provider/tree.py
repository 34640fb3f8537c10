"""The desired state: one load balancer with everything below it, as Octavia describes it.

The dataclasses carry what the provider needs of octavia-lib's data models, with ``Unset`` and
``None`` resolved to Octavia's defaults. Conversion from the driver-agent's answer is in
:mod:`sriov_provider.api.convert`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

LVS_PROTOCOLS = frozenset({"UDP", "SCTP"})


@dataclasses.dataclass(frozen=True)
class TlsContainer:
    """A certificate with its key, as the driver-agent hands it out. Never stored or logged."""

    id: str
    certificate: str = dataclasses.field(repr=False)
    private_key: str = dataclasses.field(repr=False)
    intermediates: tuple[str, ...] = dataclasses.field(default=(), repr=False)
    passphrase: str | None = dataclasses.field(default=None, repr=False)
    primary_cn: str | None = None


@dataclasses.dataclass(frozen=True)
class HealthMonitor:
    id: str
    type: str
    delay: int
    timeout: int
    max_retries: int
    max_retries_down: int
    enabled: bool = True
    http_method: str | None = None
    url_path: str | None = None
    expected_codes: str | None = None
    http_version: float | None = None
    domain_name: str | None = None
    name: str = ""
    project_id: str = ""


@dataclasses.dataclass(frozen=True)
class Member:
    id: str
    pool_id: str
    address: str
    port: int
    subnet_id: str | None = None
    weight: int = 1
    backup: bool = False
    enabled: bool = True
    monitor_address: str | None = None
    monitor_port: int | None = None
    vnic_type: str = "normal"
    name: str = ""
    project_id: str = ""


@dataclasses.dataclass(frozen=True)
class SessionPersistence:
    type: str
    cookie_name: str | None = None
    persistence_timeout: int | None = None
    persistence_granularity: str | None = None


@dataclasses.dataclass(frozen=True)
class Pool:
    id: str
    protocol: str
    lb_algorithm: str
    enabled: bool = True
    members: tuple[Member, ...] = ()
    healthmonitor: HealthMonitor | None = None
    session_persistence: SessionPersistence | None = None
    tls_enabled: bool = False
    tls_container: TlsContainer | None = None
    ca_tls_data: str | None = dataclasses.field(default=None, repr=False)
    crl_data: str | None = dataclasses.field(default=None, repr=False)
    tls_ciphers: str | None = None
    tls_versions: tuple[str, ...] = ()
    alpn_protocols: tuple[str, ...] = ()
    name: str = ""
    project_id: str = ""


@dataclasses.dataclass(frozen=True)
class L7Rule:
    id: str
    type: str
    compare_type: str
    value: str
    key: str | None = None
    invert: bool = False
    enabled: bool = True


@dataclasses.dataclass(frozen=True)
class L7Policy:
    id: str
    action: str
    position: int
    enabled: bool = True
    redirect_pool_id: str | None = None
    redirect_url: str | None = None
    redirect_prefix: str | None = None
    redirect_http_code: int | None = None
    rules: tuple[L7Rule, ...] = ()
    name: str = ""


@dataclasses.dataclass(frozen=True)
class Listener:
    id: str
    protocol: str
    port: int
    enabled: bool = True
    default_pool_id: str | None = None
    connection_limit: int = -1
    insert_headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    allowed_cidrs: tuple[str, ...] = ()
    l7policies: tuple[L7Policy, ...] = ()
    timeout_client_data: int | None = None
    timeout_member_connect: int | None = None
    timeout_member_data: int | None = None
    timeout_tcp_inspect: int | None = None
    default_tls: TlsContainer | None = None
    sni: tuple[TlsContainer, ...] = ()
    client_ca_data: str | None = dataclasses.field(default=None, repr=False)
    client_crl_data: str | None = dataclasses.field(default=None, repr=False)
    client_authentication: str = "NONE"
    tls_ciphers: str | None = None
    tls_versions: tuple[str, ...] = ()
    alpn_protocols: tuple[str, ...] = ()
    hsts_max_age: int | None = None
    hsts_include_subdomains: bool = False
    hsts_preload: bool = False
    name: str = ""
    project_id: str = ""

    @property
    def is_lvs(self) -> bool:
        """True for the protocols that keepalived's LVS serves instead of haproxy."""
        return self.protocol in LVS_PROTOCOLS


@dataclasses.dataclass(frozen=True)
class AdditionalVip:
    address: str
    subnet_id: str
    port_id: str | None = None
    network_id: str | None = None


@dataclasses.dataclass(frozen=True)
class LoadBalancer:
    """The root of the tree.

    ``additional_vips`` is not part of the driver-agent's answer (Octavia 19): it comes from the
    record that the API side wrote at create.
    """

    id: str
    project_id: str
    vip_address: str
    vip_port_id: str
    vip_subnet_id: str
    vip_network_id: str
    enabled: bool = True
    name: str = ""
    vip_qos_policy_id: str | None = None
    vip_sg_ids: tuple[str, ...] = ()
    additional_vips: tuple[AdditionalVip, ...] = ()
    flavor: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    availability_zone: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    listeners: tuple[Listener, ...] = ()
    pools: tuple[Pool, ...] = ()

    def members(self) -> Iterator[Member]:
        """All members of all pools."""
        for pool in self.pools:
            yield from pool.members

    def pool(self, pool_id: str | None) -> Pool | None:
        """The pool with this id, or None."""
        return next((p for p in self.pools if p.id == pool_id), None)

    def vip_addresses(self) -> tuple[str, ...]:
        """The primary VIP address first, then the additional ones."""
        return (self.vip_address, *(v.address for v in self.additional_vips))
