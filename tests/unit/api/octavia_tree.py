"""Octavia's own path from its tables to the answer of the driver-agent, on SQLite in memory."""

from __future__ import annotations

import functools
from typing import Any

import sqlalchemy as sa
from octavia.api.drivers.driver_agent import driver_get
from octavia.certificates.manager import noop
from octavia.common import config as octavia_config
from octavia.common.tls_utils import cert_parser
from octavia.db import api, base_models, models
from octavia_lib.api.drivers import data_models
from oslo_config import cfg
from oslo_config import fixture as config_fixture
from oslo_serialization import jsonutils
from sqlalchemy import orm

PEM = "-----BEGIN X509 CRL-----\nMIIB\n-----END X509 CRL-----\n"
_read_certificate = cert_parser._map_cert_tls_container


@functools.cache
def _certificate() -> Any:
    """The one certificate of the store; decrypting its key takes a while."""
    return _read_certificate(noop.NoopCertManager().local_cert)


def install(monkeypatch: Any, conf: config_fixture.Config) -> orm.Session:
    """Octavia's tables in memory, and a certificate store that always has a certificate."""
    engine = sa.create_engine("sqlite://", poolclass=sa.pool.StaticPool)
    base_models.BASE.metadata.create_all(engine)
    session = orm.sessionmaker(engine)
    monkeypatch.setattr(api, "get_session", session)
    monkeypatch.setattr(noop.NoopCertManager, "get_secret", lambda *_: PEM.encode())
    monkeypatch.setattr(cert_parser, "_map_cert_tls_container", lambda _: _certificate())
    assert octavia_config.cfg.CONF is cfg.CONF
    conf.config(group="certificates", cert_manager="noop_cert_manager")
    return session()


def answer(load_balancer_id: str) -> data_models.LoadBalancer:
    """What ``DriverLibrary.get_loadbalancer`` returns."""
    found = driver_get.process_get({"object": "loadbalancers", "id": load_balancer_id})
    return data_models.LoadBalancer.from_dict(jsonutils.loads(jsonutils.dump_as_bytes(found)))


def fill(session: orm.Session) -> None:
    """One load balancer with one of everything."""
    with session.begin():
        for rows in (_flavor(), _load_balancer(), _pools(), _listeners(), _members(), _layer7()):
            session.add_all(rows)
            session.flush()


def _flavor() -> list[Any]:
    profile = models.FlavorProfile(
        id="profile", name="p", provider_name="sriov", flavor_data='{"sriov_vip": true}'
    )
    return [
        profile,
        models.Flavor(id="flavor", name="f", enabled=True, flavor_profile_id="profile"),
    ]


def _load_balancer() -> list[Any]:
    load_balancer = models.LoadBalancer(
        id="lb",
        project_id="project",
        name="web",
        enabled=True,
        provisioning_status="ACTIVE",
        operating_status="ONLINE",
        flavor_id="flavor",
        availability_zone="az1",
    )
    vip = models.Vip(
        load_balancer_id="lb",
        ip_address="192.0.2.5",
        subnet_id="s1",
        network_id="n1",
        port_id="p1",
        qos_policy_id="qos",
        vnic_type="direct",
    )
    further = models.AdditionalVip(
        load_balancer_id="lb", ip_address="2001:db8::5", subnet_id="s2", network_id="n1"
    )
    return [load_balancer, vip, further]


def _status(**values: Any) -> dict[str, Any]:
    return {
        "project_id": "project",
        "provisioning_status": "ACTIVE",
        "operating_status": "ONLINE",
        "enabled": True,
        **values,
    }


def _pools() -> list[Any]:
    return [
        models.Pool(
            **_status(
                id="pool",
                name="web-pool",
                load_balancer_id="lb",
                protocol="HTTP",
                lb_algorithm="ROUND_ROBIN",
                tls_enabled=True,
                ca_tls_certificate_id="ca-ref",
                crl_container_id="crl-ref",
                tls_certificate_id="cert-ref",
                tls_versions=["TLSv1.2"],
                alpn_protocols=["h2"],
            )
        ),
        models.SessionPersistence(pool_id="pool", type="APP_COOKIE", cookie_name="sid"),
        models.HealthMonitor(
            **_status(
                id="hm",
                pool_id="pool",
                type="HTTP",
                delay=5,
                timeout=3,
                fall_threshold=4,
                rise_threshold=2,
                http_method="HEAD",
                url_path="/up",
                expected_codes="204",
                http_version=1.1,
                domain_name="example.org",
            )
        ),
        models.Pool(
            **_status(
                id="dns-pool", load_balancer_id="lb", protocol="UDP", lb_algorithm="SOURCE_IP"
            )
        ),
    ]


def _listeners() -> list[Any]:
    return [
        models.Listener(
            **_status(
                id="https",
                name="tls",
                load_balancer_id="lb",
                default_pool_id="pool",
                protocol="TERMINATED_HTTPS",
                protocol_port=443,
                connection_limit=100,
                insert_headers={"X-Forwarded-For": "true"},
                tls_certificate_id="cert-ref",
                client_ca_tls_certificate_id="ca-ref",
                client_crl_container_id="crl-ref",
                client_authentication="MANDATORY",
                tls_versions=["TLSv1.2", "TLSv1.3"],
                alpn_protocols=["h2", "http/1.1"],
                timeout_client_data=1000,
                timeout_member_connect=2000,
                timeout_member_data=3000,
                timeout_tcp_inspect=10,
                hsts_max_age=600,
                hsts_include_subdomains=True,
                hsts_preload=False,
            )
        ),
        models.SNI(listener_id="https", tls_container_id="sni-ref", position=0),
        models.ListenerCidr(listener_id="https", cidr="10.0.0.0/8"),
        models.ListenerCidr(listener_id="https", cidr="2001:db8::/32"),
        models.Listener(
            **_status(
                id="dns",
                load_balancer_id="lb",
                default_pool_id="dns-pool",
                protocol="UDP",
                protocol_port=53,
                connection_limit=-1,
                enabled=False,
                client_authentication="NONE",
                hsts_include_subdomains=False,
                hsts_preload=False,
            )
        ),
    ]


def _members() -> list[Any]:
    return [
        models.Member(
            **_status(
                id="m1",
                pool_id="pool",
                subnet_id="s3",
                ip_address="198.51.100.1",
                protocol_port=8080,
                weight=5,
                backup=True,
                monitor_address="198.51.100.101",
                monitor_port=9090,
                vnic_type="direct",
            )
        ),
        models.Member(
            **_status(
                id="m2",
                pool_id="pool",
                ip_address="198.51.100.2",
                protocol_port=80,
                enabled=False,
                backup=False,
            )
        ),
    ]


def _layer7() -> list[Any]:
    return [
        models.L7Policy(
            **_status(
                id="redirect",
                listener_id="https",
                action="REDIRECT_TO_URL",
                redirect_url="https://example.org/",
                redirect_http_code=307,
                position=2,
            )
        ),
        models.L7Policy(
            **_status(
                id="to-pool",
                listener_id="https",
                action="REDIRECT_TO_POOL",
                redirect_pool_id="pool",
                position=1,
            )
        ),
        models.L7Rule(
            **_status(
                id="rule",
                l7policy_id="to-pool",
                type="HEADER",
                compare_type="EQUAL_TO",
                key="X-A",
                value="b",
                invert=True,
            )
        ),
    ]
