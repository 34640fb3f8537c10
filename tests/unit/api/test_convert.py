from __future__ import annotations

import dataclasses
from typing import Any

from octavia.tests.common import sample_certs
from octavia_lib.api.drivers import data_models as dm

from sriov_provider import tree
from sriov_provider.api import convert
from tests.unit.api.octavia_tree import PEM


def test_the_load_balancer_itself(answer: Any) -> None:
    lb = convert.load_balancer(answer, availability_zone={"compute_zone": "z"})
    bare = dataclasses.replace(lb, listeners=(), pools=())
    assert bare == tree.LoadBalancer(
        id="lb",
        project_id="project",
        name="web",
        vip_address="192.0.2.5",
        vip_port_id="p1",
        vip_subnet_id="s1",
        vip_network_id="n1",
        vip_qos_policy_id="qos",
        flavor={"sriov_vip": True},
        availability_zone={"compute_zone": "z"},
        additional_vips=(
            tree.AdditionalVip(address="2001:db8::5", subnet_id="s2", network_id="n1"),
        ),
    )
    assert lb.vip_addresses() == ("192.0.2.5", "2001:db8::5")


def test_the_name_of_a_zone_is_not_taken_for_its_values(answer: Any) -> None:
    assert answer.availability_zone == "az1"
    assert convert.load_balancer(answer).availability_zone == {}


def test_additional_vips_of_the_record_come_first(answer: Any) -> None:
    record = {"address": "192.0.2.9", "subnet_id": "s9", "port_id": "p9", "network_id": "n1"}
    lb = convert.load_balancer(answer, [record])
    assert lb.additional_vips == (tree.AdditionalVip("192.0.2.9", "s9", "p9", "n1"),)


def test_a_listener_with_everything(answer: Any) -> None:
    lb = convert.load_balancer(answer)
    found = next(i for i in lb.listeners if i.id == "https")
    bare = dataclasses.replace(found, default_tls=None, sni=(), l7policies=())
    assert bare == tree.Listener(
        id="https",
        name="tls",
        project_id="project",
        protocol="TERMINATED_HTTPS",
        port=443,
        default_pool_id="pool",
        connection_limit=100,
        insert_headers={"X-Forwarded-For": "true"},
        allowed_cidrs=("10.0.0.0/8", "2001:db8::/32"),
        timeout_client_data=1000,
        timeout_member_connect=2000,
        timeout_member_data=3000,
        timeout_tcp_inspect=10,
        client_ca_data=PEM,
        client_crl_data=PEM,
        client_authentication="MANDATORY",
        tls_versions=("TLSv1.2", "TLSv1.3"),
        alpn_protocols=("h2", "http/1.1"),
        hsts_max_age=600,
        hsts_include_subdomains=True,
    )


def test_certificates_with_key_and_intermediates(answer: Any) -> None:
    lb = convert.load_balancer(answer)
    listener = next(i for i in lb.listeners if i.id == "https")
    container = listener.default_tls
    assert container is not None
    assert container.certificate == sample_certs.X509_CERT.decode()
    # Octavia has decrypted the key.
    assert "PRIVATE KEY" in container.private_key
    assert "ENCRYPTED" not in container.private_key
    assert len(container.intermediates) == 2
    assert all("BEGIN CERTIFICATE" in i for i in container.intermediates)
    assert container.primary_cn
    assert [c.certificate for c in listener.sni] == [container.certificate]
    pool = lb.pool("pool")
    assert pool is not None and pool.tls_container is not None
    assert (pool.ca_tls_data, pool.crl_data) == (PEM, PEM)
    assert pool.tls_container.private_key == container.private_key


def test_secrets_are_not_shown(answer: Any) -> None:
    shown = repr(convert.load_balancer(answer))
    assert "PRIVATE KEY" not in shown
    assert "X509 CRL" not in shown
    assert "CERTIFICATE" not in shown


def test_what_a_listener_leaves_out(answer: Any) -> None:
    lb = convert.load_balancer(answer)
    found = next(i for i in lb.listeners if i.id == "dns")
    assert found == tree.Listener(
        id="dns",
        project_id="project",
        protocol="UDP",
        port=53,
        enabled=False,
        default_pool_id="dns-pool",
        timeout_client_data=50000,
        timeout_member_connect=5000,
        timeout_member_data=50000,
        timeout_tcp_inspect=0,
    )


def test_policies_come_by_position_with_their_rules(answer: Any) -> None:
    lb = convert.load_balancer(answer)
    listener = next(i for i in lb.listeners if i.id == "https")
    assert listener.l7policies == (
        tree.L7Policy(
            id="to-pool",
            action="REDIRECT_TO_POOL",
            position=1,
            redirect_pool_id="pool",
            rules=(tree.L7Rule("rule", "HEADER", "EQUAL_TO", "b", key="X-A", invert=True),),
        ),
        tree.L7Policy(
            id="redirect",
            action="REDIRECT_TO_URL",
            position=2,
            redirect_url="https://example.org/",
            redirect_http_code=307,
        ),
    )


def test_a_pool_with_everything(answer: Any) -> None:
    pool = convert.load_balancer(answer).pool("pool")
    assert pool is not None
    bare = dataclasses.replace(
        pool, members=(), tls_container=None, ca_tls_data=None, crl_data=None
    )
    assert bare == tree.Pool(
        id="pool",
        name="web-pool",
        project_id="project",
        protocol="HTTP",
        lb_algorithm="ROUND_ROBIN",
        session_persistence=tree.SessionPersistence("APP_COOKIE", cookie_name="sid"),
        tls_enabled=True,
        tls_versions=("TLSv1.2",),
        alpn_protocols=("h2",),
        healthmonitor=tree.HealthMonitor(
            id="hm",
            project_id="project",
            type="HTTP",
            delay=5,
            timeout=3,
            max_retries=2,
            max_retries_down=4,
            http_method="HEAD",
            url_path="/up",
            expected_codes="204",
            http_version=1.1,
            domain_name="example.org",
        ),
    )


def test_members(answer: Any) -> None:
    members = {m.id: m for m in convert.load_balancer(answer).members()}
    assert members["m1"] == tree.Member(
        id="m1",
        pool_id="pool",
        project_id="project",
        address="198.51.100.1",
        port=8080,
        subnet_id="s3",
        weight=5,
        backup=True,
        monitor_address="198.51.100.101",
        monitor_port=9090,
        vnic_type="direct",
    )
    assert members["m2"].vnic_type == "normal"
    assert not members["m2"].enabled


def test_a_pool_without_anything(answer: Any) -> None:
    pool = convert.load_balancer(answer).pool("dns-pool")
    assert pool == tree.Pool("dns-pool", "UDP", "SOURCE_IP", project_id="project")


def test_objects_with_unset_attributes_are_understood() -> None:
    monitor = dm.HealthMonitor(
        healthmonitor_id="hm", type="HTTP", delay=1, timeout=1, max_retries=1
    )
    member = dm.Member(member_id="m", address="192.0.2.1", protocol_port=80)
    container = {"id": "c", "certificate": b"CERT", "private_key": b"KEY", "passphrase": b"word"}
    lb = convert.load_balancer(
        dm.LoadBalancer(
            loadbalancer_id="lb",
            pools=[dm.Pool(pool_id="p", healthmonitor=monitor, members=[member])],
            listeners=[dm.Listener(listener_id="l", default_tls_container_data=container)],
            availability_zone={"compute_zone": "z"},
            additional_vips=[{"ip_address": "192.0.2.8", "subnet_id": "s"}],
        )
    )
    found = lb.pools[0].healthmonitor
    assert found is not None
    assert (found.max_retries_down, found.http_method, found.url_path) == (3, "GET", "/")
    assert lb.pools[0].members == (tree.Member("m", "p", "192.0.2.1", 80),)
    assert lb.listeners[0].default_tls == tree.TlsContainer("c", "CERT", "KEY", passphrase="word")
    assert lb.availability_zone == {"compute_zone": "z"}
    assert lb.additional_vips == (tree.AdditionalVip("192.0.2.8", "s"),)
    assert lb.enabled
