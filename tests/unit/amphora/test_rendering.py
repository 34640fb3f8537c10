"""Our tree renders to what the stock provider renders, and to what it rendered before."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest
from octavia.common.jinja.haproxy.combined_listeners import jinja_cfg as haproxy_jinja
from octavia.common.jinja.lvs import jinja_cfg as lvs_jinja
from oslo_config.fixture import Config

from sriov_provider.amphora.octavia_config import Templates
from tests.unit.amphora import lvs_scenarios, plain_scenarios, tls_scenarios
from tests.unit.amphora.scenarios import AMPHORA, LISTENER, Scenario

GOLDEN = Path(__file__).parents[2] / "golden" / "haproxy"
VERSION = "2.6.12-1+deb12u1\n"
HAPROXY = {**plain_scenarios.SCENARIOS, **tls_scenarios.SCENARIOS}


def check_golden(name: str, text: str) -> None:
    """Set UPDATE_GOLDEN to accept a change, then look at the diff."""
    path = GOLDEN / f"{name}.cfg"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text)
    assert path.read_text() == text


def ours(scenario: Scenario) -> str:
    return Templates().haproxy(scenario.serving, AMPHORA, VERSION, scenario.details)


@pytest.mark.parametrize("name", sorted(HAPROXY))
def test_haproxy(name: str, octavia: Config) -> None:
    scenario = HAPROXY[name]()
    stock = haproxy_jinja.JinjaTemplater().build_config(
        host_amphora=scenario.stock.amphorae[0],
        listeners=scenario.stock.listeners,
        tls_certs=scenario.certs,
        haproxy_versions=["2", "6"],
        amp_details=dict(scenario.details),
    )
    assert ours(scenario) == stock
    check_golden(name, stock)


@pytest.mark.parametrize("name", sorted(lvs_scenarios.SCENARIOS))
def test_lvs(name: str, octavia: Config) -> None:
    scenario = lvs_scenarios.SCENARIOS[name]()
    stock = lvs_jinja.LvsJinjaTemplater().build_config(listener=scenario.stock.listeners[0])
    assert Templates().lvs(scenario.serving, LISTENER) == stock
    check_golden(name, stock)


def test_operators_settings_are_honoured(octavia: Config) -> None:
    octavia.config(group="haproxy_amphora", connection_logging=False, timeout_client_data=4242)
    octavia.config(group="haproxy_amphora", base_path="/srv/o", base_cert_dir="/srv/o/c/")
    text = ours(tls_scenarios.terminated())
    assert "no log" in text and "log-format" not in text
    assert "timeout client 4242" in text
    assert f"crt-list /srv/o/c/{plain_scenarios.uid(1)}/{LISTENER}.pem" in text


def test_listener_with_sni_certificates_only_still_terminates(octavia: Config) -> None:
    scenario = tls_scenarios.terminated()
    lb = scenario.serving.load_balancer
    listener = dataclasses.replace(lb.listeners[0], default_tls=None)
    serving = dataclasses.replace(
        scenario.serving, load_balancer=dataclasses.replace(lb, listeners=(listener,))
    )
    assert ours(dataclasses.replace(scenario, serving=serving)) == ours(scenario)


@pytest.mark.parametrize("versions", [("TLSv1.2",), ("TLSv1.3",), ("TLSv1.2", "TLSv1.3")])
@pytest.mark.parametrize("name", ["terminated", "reencryption"])
def test_versions_without_ciphers(name: str, versions: tuple[str, ...], octavia: Config) -> None:
    octavia.config(
        group="api_settings",
        default_listener_ciphers="ECDHE-A:TLS_AES_128_CCM_SHA256",
        default_pool_ciphers="ECDHE-A:TLS_AES_128_CCM_SHA256",
        tls1_3_supported_ciphers="TLS_AES_128_CCM_SHA256",
    )
    scenario = HAPROXY[name]()
    lb = scenario.serving.load_balancer
    bare = {"tls_ciphers": None, "tls_versions": versions}
    lb = dataclasses.replace(
        lb,
        listeners=tuple(dataclasses.replace(x, **bare) for x in lb.listeners),
        pools=tuple(dataclasses.replace(x, **bare) for x in lb.pools),
    )
    serving = dataclasses.replace(scenario.serving, load_balancer=lb)
    text = ours(dataclasses.replace(scenario, serving=serving))
    assert (" ciphers ECDHE-A" in text) == ("TLSv1.2" in versions)
    assert (" ciphersuites TLS_AES_128_CCM_SHA256" in text) == ("TLSv1.3" in versions)


def test_rendering_holds_no_key(octavia: Config) -> None:
    assert "KEY" not in ours(tls_scenarios.terminated()) + ours(tls_scenarios.reencryption())
