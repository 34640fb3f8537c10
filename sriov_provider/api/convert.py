"""Octavia's description of a load balancer to the provider's own tree. Pure.

The source is what ``DriverLibrary.get_loadbalancer`` returns: an octavia-lib load balancer whose
listeners, pools and everything below are plain dicts. Objects are understood as well, so that the
same code reads what the API hands to the driver.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sriov_provider import tree
from sriov_provider.api.attributes import get, items, text
from sriov_provider.api.visible import object_in_tree, values_visible

__all__ = ["load_balancer", "object_in_tree", "values_visible"]

_HTTP_MONITORS = frozenset({"HTTP", "HTTPS"})


def load_balancer(
    dm: Any,
    additional_vips: Sequence[Mapping[str, Any]] = (),
    availability_zone: Mapping[str, Any] | None = None,
) -> tree.LoadBalancer:
    """The whole tree.

    :param dm: octavia-lib load balancer, as object or dict
    :param additional_vips: as kept in the provider's record; used before what ``dm`` says, because
        the driver-agent does not promise to tell them
    :param availability_zone: its resolved values; the driver-agent gives only the zone's name
    """
    zone = get(dm, "availability_zone", {})
    return tree.LoadBalancer(
        id=get(dm, "loadbalancer_id"),
        project_id=get(dm, "project_id", ""),
        name=get(dm, "name", ""),
        vip_address=get(dm, "vip_address", ""),
        vip_port_id=get(dm, "vip_port_id", ""),
        vip_subnet_id=get(dm, "vip_subnet_id", ""),
        vip_network_id=get(dm, "vip_network_id", ""),
        vip_qos_policy_id=get(dm, "vip_qos_policy_id"),
        vip_sg_ids=items(dm, "vip_sg_ids"),
        enabled=get(dm, "admin_state_up", True),
        additional_vips=tuple(
            additional_vip(v) for v in additional_vips or items(dm, "additional_vips")
        ),
        flavor=dict(get(dm, "flavor", {})),
        availability_zone=availability_zone or (zone if isinstance(zone, Mapping) else {}),
        listeners=tuple(listener(i) for i in items(dm, "listeners")),
        pools=tuple(pool(i) for i in items(dm, "pools")),
    )


def additional_vip(vip: Any) -> tree.AdditionalVip:
    """From Octavia's shape (``ip_address``) or the provider's record (``address``)."""
    return tree.AdditionalVip(
        address=get(vip, "ip_address") or get(vip, "address", ""),
        subnet_id=get(vip, "subnet_id", ""),
        port_id=get(vip, "port_id"),
        network_id=get(vip, "network_id"),
    )


def listener(dm: Any) -> tree.Listener:
    return tree.Listener(
        id=get(dm, "listener_id"),
        name=get(dm, "name", ""),
        project_id=get(dm, "project_id", ""),
        protocol=get(dm, "protocol"),
        port=get(dm, "protocol_port"),
        enabled=get(dm, "admin_state_up", True),
        default_pool_id=get(dm, "default_pool_id"),
        connection_limit=get(dm, "connection_limit", -1),
        insert_headers={k: str(v) for k, v in get(dm, "insert_headers", {}).items()},
        allowed_cidrs=items(dm, "allowed_cidrs"),
        l7policies=_by_position(items(dm, "l7policies")),
        # milliseconds; Octavia's defaults
        timeout_client_data=get(dm, "timeout_client_data", 50000),
        timeout_member_connect=get(dm, "timeout_member_connect", 5000),
        timeout_member_data=get(dm, "timeout_member_data", 50000),
        timeout_tcp_inspect=get(dm, "timeout_tcp_inspect", 0),
        default_tls=_tls(get(dm, "default_tls_container_data")),
        sni=tuple(c for i in items(dm, "sni_container_data") if (c := _tls(i))),
        client_ca_data=_secret(dm, "client_ca_tls_container_data"),
        client_crl_data=_secret(dm, "client_crl_container_data"),
        client_authentication=get(dm, "client_authentication", "NONE"),
        tls_ciphers=get(dm, "tls_ciphers"),
        tls_versions=items(dm, "tls_versions"),
        alpn_protocols=items(dm, "alpn_protocols"),
        hsts_max_age=get(dm, "hsts_max_age"),
        hsts_include_subdomains=get(dm, "hsts_include_subdomains", False),
        hsts_preload=get(dm, "hsts_preload", False),
    )


def pool(dm: Any) -> tree.Pool:
    monitor = get(dm, "healthmonitor")
    pool_id = get(dm, "pool_id")
    return tree.Pool(
        id=pool_id,
        name=get(dm, "name", ""),
        project_id=get(dm, "project_id", ""),
        protocol=get(dm, "protocol"),
        lb_algorithm=get(dm, "lb_algorithm"),
        enabled=get(dm, "admin_state_up", True),
        members=tuple(member(i, pool_id) for i in items(dm, "members")),
        healthmonitor=health_monitor(monitor) if monitor else None,
        session_persistence=_persistence(get(dm, "session_persistence")),
        tls_enabled=get(dm, "tls_enabled", False),
        tls_container=_tls(get(dm, "tls_container_data")),
        ca_tls_data=_secret(dm, "ca_tls_container_data"),
        crl_data=_secret(dm, "crl_container_data"),
        tls_ciphers=get(dm, "tls_ciphers"),
        tls_versions=items(dm, "tls_versions"),
        alpn_protocols=items(dm, "alpn_protocols"),
    )


def member(dm: Any, pool_id: str = "") -> tree.Member:
    """:param pool_id: used when the member does not tell its pool"""
    return tree.Member(
        id=get(dm, "member_id"),
        name=get(dm, "name", ""),
        project_id=get(dm, "project_id", ""),
        pool_id=get(dm, "pool_id", pool_id),
        address=get(dm, "address"),
        port=get(dm, "protocol_port"),
        subnet_id=get(dm, "subnet_id"),
        weight=get(dm, "weight", 1),
        backup=get(dm, "backup", False),
        enabled=get(dm, "admin_state_up", True),
        monitor_address=get(dm, "monitor_address"),
        monitor_port=get(dm, "monitor_port"),
        vnic_type=get(dm, "vnic_type", "normal"),
    )


def health_monitor(dm: Any) -> tree.HealthMonitor:
    kind = get(dm, "type")
    http = kind in _HTTP_MONITORS
    return tree.HealthMonitor(
        id=get(dm, "healthmonitor_id"),
        name=get(dm, "name", ""),
        project_id=get(dm, "project_id", ""),
        type=kind,
        delay=get(dm, "delay"),
        timeout=get(dm, "timeout"),
        max_retries=get(dm, "max_retries"),
        max_retries_down=get(dm, "max_retries_down", 3),
        enabled=get(dm, "admin_state_up", True),
        http_method=get(dm, "http_method", "GET" if http else None),
        url_path=get(dm, "url_path", "/" if http else None),
        expected_codes=get(dm, "expected_codes", "200" if http else None),
        http_version=get(dm, "http_version"),
        domain_name=get(dm, "domain_name"),
    )


def l7policy(dm: Any) -> tree.L7Policy:
    return tree.L7Policy(
        id=get(dm, "l7policy_id"),
        name=get(dm, "name", ""),
        action=get(dm, "action"),
        position=get(dm, "position", 1),
        enabled=get(dm, "admin_state_up", True),
        redirect_pool_id=get(dm, "redirect_pool_id"),
        redirect_url=get(dm, "redirect_url"),
        redirect_prefix=get(dm, "redirect_prefix"),
        redirect_http_code=get(dm, "redirect_http_code"),
        rules=tuple(l7rule(i) for i in items(dm, "rules")),
    )


def l7rule(dm: Any) -> tree.L7Rule:
    return tree.L7Rule(
        id=get(dm, "l7rule_id"),
        type=get(dm, "type"),
        compare_type=get(dm, "compare_type"),
        value=get(dm, "value"),
        key=get(dm, "key"),
        invert=get(dm, "invert", False),
        enabled=get(dm, "admin_state_up", True),
    )


def _by_position(policies: tuple[Any, ...]) -> tuple[tree.L7Policy, ...]:
    return tuple(sorted((l7policy(p) for p in policies), key=lambda p: p.position))


def _persistence(dm: Any) -> tree.SessionPersistence | None:
    if not get(dm, "type"):
        return None
    return tree.SessionPersistence(
        type=get(dm, "type"),
        cookie_name=get(dm, "cookie_name"),
        persistence_timeout=get(dm, "persistence_timeout"),
        persistence_granularity=get(dm, "persistence_granularity"),
    )


def _tls(dm: Any) -> tree.TlsContainer | None:
    if not dm:
        return None
    phrase = get(dm, "passphrase")
    return tree.TlsContainer(
        id=get(dm, "id", ""),
        primary_cn=get(dm, "primary_cn"),
        certificate=text(get(dm, "certificate", "")),
        private_key=text(get(dm, "private_key", "")),
        intermediates=tuple(text(i) for i in items(dm, "intermediates")),
        passphrase=None if phrase is None else text(phrase),
    )


def _secret(dm: Any, name: str) -> str | None:
    value = get(dm, name)
    return None if value is None else text(value)
