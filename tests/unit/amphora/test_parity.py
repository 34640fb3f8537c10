"""What the stock driver uploads for a load balancer, and what ours does, are the same files."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from octavia.amphorae.drivers.haproxy.rest_api_driver import HaproxyAmphoraLoadBalancerDriver
from octavia.certificates.common.local import LocalCert
from octavia.common import data_models as dm
from octavia.common.jinja.haproxy.combined_listeners import jinja_cfg as haproxy_jinja
from octavia.common.jinja.lvs import jinja_cfg as lvs_jinja
from oslo_config.fixture import Config

from sriov_provider import tree
from sriov_provider.amphora.base import Endpoint
from sriov_provider.amphora.client import AgentClient
from sriov_provider.amphora.octavia_config import Templates
from tests.unit.amphora import pki, scenarios
from tests.unit.amphora.scenarios import AMPHORA, LB, LISTENER, PEER_PORT, POOL, uid
from tests.unit.amphora.scripted import ScriptedAgent

CA = pki.authority("client CA").certificate.decode()
INTERMEDIATE = pki.authority("intermediate CA").certificate.decode().strip()
NAMES = ("www.example.org", "shop.example.org", "member.example.org")


class Secrets:
    """Stands where Barbican stands for the stock driver."""

    def get_cert(self, context: Any, ref: str, check_only: bool) -> LocalCert:
        pair = pki.issued(ref)
        return LocalCert(pair.certificate, pair.key, intermediates=[INTERMEDIATE])

    def get_secret(self, context: Any, ref: str) -> str:
        return {"ca": CA, "crl": pki.revocations()}[ref]


class Recorder:
    """Stands where the stock driver's REST client stands."""

    def __init__(self) -> None:
        self.certificates: dict[str, bytes] = {}
        self.configs: dict[str, str] = {}

    def get_info(self, amphora: Any, timeout_dict: Any = None) -> dict[str, str]:
        return {"haproxy_version": "2.6.12-1"}

    def get_details(self, amphora: Any) -> dict[str, str]:
        return {}

    def get_cert_md5sum(self, *args: Any, **kwargs: Any) -> None:
        return None

    def upload_cert_pem(self, amphora: Any, lb_id: str, name: str, pem: bytes) -> None:
        self.certificates[name] = pem

    def upload_config(self, amphora: Any, lb_id: str, config: str, timeout_dict: Any) -> None:
        self.configs[lb_id] = config

    def upload_udp_config(self, amphora: Any, lb_id: str, config: str, timeout_dict: Any) -> None:
        self.configs[lb_id] = config

    def reload_listener(self, amphora: Any, object_id: str, timeout_dict: Any) -> None:
        assert object_id in self.configs


def container(name: str) -> tree.TlsContainer:
    """As the driver-agent hands it out."""
    pair = pki.issued(name)
    return tree.TlsContainer(
        hashlib.sha1(pair.certificate).hexdigest(),
        pair.certificate.decode(),
        pair.key.decode().strip(),
        (INTERMEDIATE,),
    )


def full() -> scenarios.Scenario:
    www, shop, client = NAMES
    tls = {"client_authentication": "OPTIONAL", "tls_ciphers": "A:B"}
    ours = scenarios.listener(
        "TERMINATED_HTTPS",
        default_tls=container(www),
        sni=(container(shop),),
        client_ca_data=CA,
        client_crl_data=pki.revocations(),
        tls_versions=("TLSv1.2",),
        **tls,
    )
    udp = scenarios.listener("UDP", id=uid(11), default_pool_id=uid(22))
    pools = (
        scenarios.pool(
            tls_enabled=True,
            tls_container=container(client),
            ca_tls_data=CA,
            crl_data=pki.revocations(),
        ),
        scenarios.pool("UDP", id=uid(22)),
    )
    stock_pool = scenarios.stock_pool(
        tls_enabled=True,
        tls_certificate_id=client,
        ca_tls_certificate_id="ca",
        crl_container_id="crl",
    )
    stock = scenarios.stock_listener(
        "TERMINATED_HTTPS",
        [stock_pool],
        tls_certificate_id=www,
        sni_containers=[dm.SNI(tls_container_id=shop)],
        client_ca_tls_certificate_id="ca",
        client_crl_container_id="crl",
        tls_versions=["TLSv1.2"],
        **tls,
    )
    stock_udp = scenarios.stock_listener(
        "UDP", [scenarios.stock_pool("UDP", id=uid(22))], id=uid(11)
    )
    return scenarios.scenario((ours, udp), pools, [stock, stock_udp])


def stock_driver(recorder: Recorder) -> Any:
    """The driver without its constructor, which wants a key manager."""
    driver = HaproxyAmphoraLoadBalancerDriver.__new__(HaproxyAmphoraLoadBalancerDriver)
    driver.clients = {"1.0": recorder}
    driver.cert_manager = Secrets()
    driver.jinja_combo = haproxy_jinja.JinjaTemplater()
    driver.lvs_jinja = lvs_jinja.LvsJinjaTemplater()
    return driver


@pytest.fixture
def stock(octavia: Config) -> Recorder:
    recorder = Recorder()
    balancer = full().stock
    amphora = balancer.amphorae[0]
    amphora.api_version = "1.0"
    stock_driver(recorder).update_amphora_listeners(balancer, amphora)
    return recorder


@pytest.fixture
def ours(octavia: Config) -> ScriptedAgent:
    agent = ScriptedAgent()
    serving = full().serving
    AgentClient(agent, Templates()).configure(
        Endpoint(AMPHORA, "192.0.2.10"),
        serving.load_balancer,
        serving.topology,
        serving.amphorae,
        PEER_PORT,
    )
    return agent


def test_certificate_files(stock: Recorder, ours: ScriptedAgent) -> None:
    assert ours.certificates == stock.certificates
    # three certificates, the crt-list, the CA, the revocation list
    assert len(stock.certificates) == 6


def test_configurations(stock: Recorder, ours: ScriptedAgent) -> None:
    haproxy = ours.sent(f"PUT loadbalancer/{AMPHORA}/{LB}/haproxy")
    lvs = ours.sent(f"PUT listeners/{AMPHORA}/{uid(11)}/udp_listener")
    assert haproxy.data is not None and lvs.data is not None
    assert haproxy.data.decode() == stock.configs[LB]
    assert lvs.data.decode() == stock.configs[uid(11)]
    assert LISTENER in stock.configs[LB] and POOL in stock.configs[LB]
