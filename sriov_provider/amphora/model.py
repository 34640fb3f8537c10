"""Octavia's data models, built from our tree for Octavia's templates.

The module of the data models is handed in (``dm``), so that this one does not import octavia.
Everything in the tree is to be served, hence the fixed statuses; what is being deleted is not in
the tree any more.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from sriov_provider import tree
from sriov_provider.amphora import certificates
from sriov_provider.amphora.base import AmphoraView, VipPlug
from sriov_provider.network.base import Subnet

_STATUSES = {"provisioning_status": "ACTIVE", "operating_status": "ONLINE"}
# The stock provider's. The higher one wins an election; the one that has the VIP keeps it.
_PRIORITIES = {"MASTER": 100, "BACKUP": 90}
_VRRP_ID = 1
_REDIRECT_TO_POOL = "REDIRECT_TO_POOL"


@dataclasses.dataclass(frozen=True)
class Serving:
    """What one load balancer's amphorae shall serve.

    :ivar topology: SINGLE or ACTIVE_STANDBY
    :ivar peer_port: where haproxy exchanges stick tables
    """

    load_balancer: tree.LoadBalancer
    topology: str
    amphorae: tuple[AmphoraView, ...]
    peer_port: int


def load_balancer(dm: Any, serving: Serving) -> Any:
    """The whole graph.

    :param dm: ``octavia.common.data_models``
    :return: a ``LoadBalancer`` with everything below it, back references included
    """
    source = serving.load_balancer
    pools = {p.id: pool(dm, p) for p in source.pools}
    model = dm.LoadBalancer(
        id=source.id,
        project_id=source.project_id,
        name=source.name,
        enabled=source.enabled,
        topology=serving.topology,
        vip=_vip(dm, source),
        additional_vips=[_additional_vip(dm, source.id, v) for v in source.additional_vips],
        amphorae=[amphora(dm, source, a) for a in serving.amphorae],
        pools=list(pools.values()),
        **_STATUSES,
    )
    model.listeners = [listener(dm, x, pools, serving.peer_port) for x in source.listeners]
    for child in model.listeners:
        child.load_balancer = model
    return model


def _vip(dm: Any, source: tree.LoadBalancer) -> Any:
    return dm.Vip(
        load_balancer_id=source.id,
        ip_address=source.vip_address,
        subnet_id=source.vip_subnet_id,
        network_id=source.vip_network_id,
        port_id=source.vip_port_id,
    )


def _additional_vip(dm: Any, load_balancer_id: str, vip: tree.AdditionalVip) -> Any:
    return dm.AdditionalVip(
        load_balancer_id=load_balancer_id,
        ip_address=vip.address,
        subnet_id=vip.subnet_id,
        network_id=vip.network_id,
        port_id=vip.port_id,
    )


def amphora(dm: Any, source: tree.LoadBalancer, view: AmphoraView) -> Any:
    return dm.Amphora(
        id=view.id,
        load_balancer_id=source.id,
        # Only allocated amphorae become haproxy peers.
        status="ALLOCATED",
        lb_network_ip=view.management_ip,
        vrrp_ip=view.vrrp_ip,
        vrrp_port_id=view.vrrp_port_id,
        ha_ip=source.vip_address,
        ha_port_id=source.vip_port_id,
        role=view.role,
        vrrp_id=_VRRP_ID,
        vrrp_priority=_PRIORITIES.get(view.role),
    )


def vrrp_group(dm: Any, load_balancer_id: str, secret: str, interval: int) -> Any:
    """Named as the stock provider names it.

    :param secret: what both amphorae authenticate with (IPv4 only: VRRP has none for IPv6)
    :param interval: seconds between two advertisements
    """
    return dm.VRRPGroup(
        load_balancer_id=load_balancer_id,
        vrrp_group_name=load_balancer_id.replace("-", ""),
        vrrp_auth_type="PASS",
        vrrp_auth_pass=secret,
        advert_int=interval,
    )


def vip_networks(plug: VipPlug) -> dict[str, Any]:
    """Subnets of the VIPs, as the keepalived template takes them."""
    return {
        "vip_subnet": _vip_subnet(plug.subnet),
        "additional_vip_data": [
            {"ip_address": address, "subnet": _vip_subnet(subnet)}
            for address, subnet in plug.additional
        ],
    }


def _vip_subnet(subnet: Subnet) -> dict[str, Any]:
    routes = [{"destination": r.destination, "nexthop": r.nexthop} for r in subnet.host_routes]
    return {"cidr": subnet.cidr, "gateway_ip": subnet.gateway, "host_routes": routes}


def listener(dm: Any, source: tree.Listener, pools: Mapping[str, Any], peer_port: int) -> Any:
    policies = [
        _l7policy(dm, p, source.id, pools)
        for p in sorted(source.l7policies, key=lambda x: x.position)
    ]
    default_pool = pools.get(source.default_pool_id or "")
    return dm.Listener(
        id=source.id,
        project_id=source.project_id,
        name=source.name,
        protocol=source.protocol,
        protocol_port=source.port,
        enabled=source.enabled,
        connection_limit=source.connection_limit,
        default_pool_id=source.default_pool_id,
        default_pool=default_pool,
        peer_port=peer_port,
        l7policies=policies,
        pools=_pools_of(default_pool, policies),
        insert_headers=dict(source.insert_headers),
        timeout_client_data=source.timeout_client_data,
        timeout_member_connect=source.timeout_member_connect,
        timeout_member_data=source.timeout_member_data,
        timeout_tcp_inspect=source.timeout_tcp_inspect,
        allowed_cidrs=list(source.allowed_cidrs),
        **_listener_tls(dm, source),
        **_STATUSES,
    )


def _pools_of(default_pool: Any, policies: list[Any]) -> list[Any]:
    """The pools a listener really uses, each once; the default pool first."""
    found = {} if default_pool is None else {default_pool.id: default_pool}
    for policy in policies:
        if policy.redirect_pool is not None and policy.l7rules and policy.enabled:
            found.setdefault(policy.redirect_pool.id, policy.redirect_pool)
    return list(found.values())


def _listener_tls(dm: Any, source: tree.Listener) -> dict[str, Any]:
    # The templates take the certificate's id only as a sign that there is a crt-list; with SNI
    # certificates alone there is one too.
    default = source.default_tls or (source.sni[0] if source.sni else None)
    return {
        "tls_certificate_id": default.id if default else None,
        "sni_containers": [
            dm.SNI(listener_id=source.id, position=i, tls_container_id=c.id)
            for i, c in enumerate(source.sni)
        ],
        "client_ca_tls_certificate_id": _secret_id(source.client_ca_data),
        "client_crl_container_id": _secret_id(source.client_crl_data),
        "client_authentication": source.client_authentication,
        "hsts_max_age": source.hsts_max_age,
        "hsts_include_subdomains": source.hsts_include_subdomains,
        "hsts_preload": source.hsts_preload,
        **_tls_choices(source),
    }


def _tls_choices(source: tree.Listener | tree.Pool) -> dict[str, Any]:
    # None, not an empty list, is what "not chosen" is to the templates. Versions without ciphers
    # they cannot take; ciphers that are none to them become the operator's default.
    return {
        "tls_ciphers": source.tls_ciphers or ("" if source.tls_versions else None),
        "tls_versions": list(source.tls_versions) or None,
        "alpn_protocols": list(source.alpn_protocols) or None,
    }


def _secret_id(data: str | None) -> str | None:
    return certificates.secret_name(data) if data else None


def _l7policy(dm: Any, source: tree.L7Policy, listener_id: str, pools: Mapping[str, Any]) -> Any:
    to_pool = source.action == _REDIRECT_TO_POOL
    return dm.L7Policy(
        id=source.id,
        name=source.name,
        listener_id=listener_id,
        action=source.action,
        position=source.position,
        enabled=source.enabled,
        redirect_pool_id=source.redirect_pool_id,
        redirect_pool=pools.get(source.redirect_pool_id or "") if to_pool else None,
        redirect_url=source.redirect_url,
        redirect_prefix=source.redirect_prefix,
        redirect_http_code=source.redirect_http_code,
        l7rules=[_l7rule(dm, r, source.id) for r in source.rules],
        **_STATUSES,
    )


def _l7rule(dm: Any, source: tree.L7Rule, policy_id: str) -> Any:
    return dm.L7Rule(
        id=source.id,
        l7policy_id=policy_id,
        type=source.type,
        compare_type=source.compare_type,
        key=source.key,
        value=source.value,
        invert=source.invert,
        enabled=source.enabled,
        **_STATUSES,
    )


def pool(dm: Any, source: tree.Pool) -> Any:
    """One pool with members, health monitor and session persistence."""
    return dm.Pool(
        id=source.id,
        project_id=source.project_id,
        name=source.name,
        protocol=source.protocol,
        lb_algorithm=source.lb_algorithm,
        enabled=source.enabled,
        members=[_member(dm, m) for m in source.members],
        health_monitor=_monitor(dm, source),
        session_persistence=_persistence(dm, source),
        tls_enabled=source.tls_enabled,
        tls_certificate_id=source.tls_container.id if source.tls_container else None,
        ca_tls_certificate_id=_secret_id(source.ca_tls_data),
        crl_container_id=_secret_id(source.crl_data),
        **_tls_choices(source),
        **_STATUSES,
    )


def _member(dm: Any, source: tree.Member) -> Any:
    return dm.Member(
        id=source.id,
        pool_id=source.pool_id,
        ip_address=source.address,
        protocol_port=source.port,
        subnet_id=source.subnet_id,
        weight=source.weight,
        backup=source.backup,
        enabled=source.enabled,
        monitor_address=source.monitor_address,
        monitor_port=source.monitor_port,
        vnic_type=source.vnic_type,
        **_STATUSES,
    )


def _monitor(dm: Any, source: tree.Pool) -> Any:
    monitor = source.healthmonitor
    if monitor is None:
        return None
    return dm.HealthMonitor(
        id=monitor.id,
        pool_id=source.id,
        type=monitor.type,
        delay=monitor.delay,
        timeout=monitor.timeout,
        rise_threshold=monitor.max_retries,
        fall_threshold=monitor.max_retries_down,
        enabled=monitor.enabled,
        http_method=monitor.http_method,
        url_path=monitor.url_path,
        expected_codes=monitor.expected_codes,
        http_version=monitor.http_version,
        domain_name=monitor.domain_name,
        **_STATUSES,
    )


def _persistence(dm: Any, source: tree.Pool) -> Any:
    persistence = source.session_persistence
    if persistence is None:
        return None
    return dm.SessionPersistence(
        pool_id=source.id,
        type=persistence.type,
        cookie_name=persistence.cookie_name,
        persistence_timeout=persistence.persistence_timeout,
        persistence_granularity=persistence.persistence_granularity,
    )
