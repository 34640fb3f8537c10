"""Load balancers that terminate TLS or speak it to their members."""

from __future__ import annotations

from collections.abc import Callable

from octavia.common import data_models as dm

from sriov_provider import tree
from tests.unit.amphora.scenarios import (
    CERT_DIR,
    LB,
    LISTENER,
    POOL,
    Scenario,
    listener,
    monitor,
    pool,
    scenario,
    sha1,
    stock_listener,
    stock_monitor,
    stock_pool,
)

HEADERS = dict.fromkeys(
    ("X-Forwarded-Proto", "X-SSL-Client-Verify", "X-SSL-Client-DN", "X-SSL-Issuer"), "true"
)
VERSIONS = ("TLSv1.2", "TLSv1.3")
CIPHERS = "TLS_AES_256_GCM_SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256"
MEMORY = {"memory": {"free": 400000, "buffers": 20000, "cached": 100000}}


def container(name: str) -> tree.TlsContainer:
    return tree.TlsContainer(sha1(name), f"CERTIFICATE {name}", f"KEY {name}", (f"CA {name}",))


def terminated() -> Scenario:
    ours = listener(
        "TERMINATED_HTTPS",
        port=443,
        default_tls=container("default"),
        sni=(container("one"), container("two")),
        client_ca_data="CLIENT CA",
        client_crl_data="CLIENT CRL",
        client_authentication="MANDATORY",
        tls_ciphers=CIPHERS,
        tls_versions=VERSIONS,
        alpn_protocols=("h2", "http/1.1"),
        hsts_max_age=3600,
        hsts_include_subdomains=True,
        hsts_preload=True,
        insert_headers=HEADERS,
    )
    stock = stock_listener(
        "TERMINATED_HTTPS",
        [stock_pool()],
        protocol_port=443,
        tls_certificate_id="ref-default",
        sni_containers=[
            dm.SNI(listener_id=LISTENER, tls_container_id=f"ref-{n}") for n in ("one", "two")
        ],
        client_ca_tls_certificate_id="ref-ca",
        client_crl_container_id="ref-crl",
        client_authentication="MANDATORY",
        tls_ciphers=CIPHERS,
        tls_versions=list(VERSIONS),
        alpn_protocols=["h2", "http/1.1"],
        hsts_max_age=3600,
        hsts_include_subdomains=True,
        hsts_preload=True,
        insert_headers=HEADERS,
    )
    certs = {
        "ref-ca": sha1("CLIENT CA") + ".pem",
        "ref-crl": sha1("CLIENT CRL") + ".pem",
        POOL: {},
    }
    return scenario((ours,), (pool(),), [stock], certs=certs, details=MEMORY)


def terminated_plain() -> Scenario:
    """As the API creates it when only a certificate is given."""
    ours = listener(
        "TERMINATED_HTTPS",
        port=443,
        default_tls=container("default"),
        tls_ciphers=CIPHERS,
        tls_versions=("TLSv1.2",),
        client_authentication="NONE",
    )
    stock = stock_listener(
        "TERMINATED_HTTPS",
        [stock_pool()],
        protocol_port=443,
        tls_certificate_id="ref-default",
        client_authentication="NONE",
        tls_ciphers=CIPHERS,
        tls_versions=["TLSv1.2"],
    )
    return scenario((ours,), (pool(),), [stock], certs={POOL: {}})


def reencryption() -> Scenario:
    common = {"tls_enabled": True, "tls_ciphers": CIPHERS}
    ours = pool(
        tls_container=container("member"),
        ca_tls_data="MEMBER CA",
        crl_data="MEMBER CRL",
        tls_versions=VERSIONS,
        alpn_protocols=("h2",),
        healthmonitor=monitor("HTTPS", http_method="HEAD", url_path="/", expected_codes="200"),
        **common,
    )
    stock = stock_pool(
        tls_certificate_id="ref-member",
        ca_tls_certificate_id="ref-ca",
        crl_container_id="ref-crl",
        tls_versions=list(VERSIONS),
        alpn_protocols=["h2"],
        health_monitor=stock_monitor(
            "HTTPS", http_method="HEAD", url_path="/", expected_codes="200"
        ),
        **common,
    )
    paths = {
        "client_cert": sha1("member"),
        "ca_cert": sha1("MEMBER CA"),
        "crl": sha1("MEMBER CRL"),
    }
    certs = {POOL: {key: f"{CERT_DIR}/{LB}/{name}.pem" for key, name in paths.items()}}
    return scenario((listener(),), (ours,), [stock_listener(pools=[stock])], certs=certs)


def reencryption_unverified() -> Scenario:
    return scenario(
        (listener(),),
        (pool(tls_enabled=True),),
        [stock_listener(pools=[stock_pool(tls_enabled=True)])],
        certs={POOL: {}},
    )


SCENARIOS: dict[str, Callable[[], Scenario]] = {
    "terminated": terminated,
    "terminated-plain": terminated_plain,
    "reencryption": reencryption,
    "reencryption-unverified": reencryption_unverified,
}
