"""The client against the stock agent's own application."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from oslo_config.fixture import Config

from amphora_agent_ext import blueprint
from amphora_agent_ext.apply import Firewall
from amphora_agent_ext.configuration import Configuration
from sriov_provider import tree
from sriov_provider.amphora.base import Endpoint
from sriov_provider.amphora.client import AgentClient
from sriov_provider.amphora.octavia_config import Templates
from sriov_provider.amphora.octavia_rest import Agents
from sriov_provider.errors import Code, ProviderError
from tests.functional.amphora import stock
from tests.functional.amphora.stock import Machine
from tests.functional.amphora.test_acceptance import with_real_certificates
from tests.unit.amphora import pki, plain_scenarios, tls_scenarios
from tests.unit.amphora.conftest import octavia
from tests.unit.amphora.scenarios import AMPHORA, LB, LISTENER, PEER_PORT, VIEWS, uid

__all__ = ["octavia"]
ENDPOINT = Endpoint(AMPHORA, "127.0.0.1")
pytestmark = pytest.mark.skipif(shutil.which("haproxy") is None, reason="haproxy is not installed")


def watched(app: Any, root: Path) -> None:
    """With our extension, which has nothing to do with firewalls here."""
    firewall = Firewall("no-such-namespace", root / "firewall.json", root / "plugged")
    app.register_blueprint(blueprint.create(firewall, Configuration(root)))


@pytest.fixture
def machine(
    octavia: Config, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Machine]:
    # Below the longest path haproxy takes for a socket.
    with tempfile.TemporaryDirectory(prefix="amp") as short:
        root = Path(short)
        prepared = stock.prepare(root, octavia, monkeypatch)
        pem = pki.write(root, "server.pem", pki.issued(AMPHORA).pem)
        accepted = pki.write(root, "client_ca.pem", pki.authority("client CA").certificate)
        octavia.config(
            group="haproxy_amphora",
            server_ca=pki.write(root, "ca.pem", pki.authority("server CA").certificate),
            client_cert=pki.write(root, "client.pem", pki.issued("octavia", "client CA").pem),
        )
        extend = getattr(request, "param", lambda app, root: None)
        with stock.serving(prepared, pem, accepted, extend) as running:
            octavia.config(group="haproxy_amphora", bind_port=running.port)
            yield running


def client() -> AgentClient:
    return AgentClient(Agents(), Templates())


def configure(lb: tree.LoadBalancer, by: AgentClient | None = None) -> None:
    (by or client()).configure(ENDPOINT, lb, "SINGLE", VIEWS[:1], PEER_PORT)


def certificates(machine: Machine) -> set[str]:
    directory = machine.root / "certs" / LB
    return {p.name for p in directory.iterdir()} if directory.exists() else set()


def haproxy_cfg(machine: Machine) -> Path:
    return machine.root / LB / "haproxy.cfg"


def lvs_cfg(machine: Machine, listener_id: str) -> Path:
    return machine.root / "lvs" / f"octavia-keepalivedlvs-{listener_id}.conf"


def test_ready_without_extension(machine: Machine) -> None:
    info = client().wait_ready(ENDPOINT, 10)
    assert (info.api_version, info.haproxy_version, info.extension) == ("1.0", "2.6.12", None)


def test_firewall_needs_the_extension(machine: Machine) -> None:
    with pytest.raises(ProviderError) as caught:
        client().apply_firewall(ENDPOINT, {"version": 1})
    assert caught.value.reason.code is Code.EXTENSION_MISSING


def tls_and_lvs() -> tree.LoadBalancer:
    tls = with_real_certificates(tls_scenarios.terminated().serving.load_balancer)
    both = plain_scenarios.two_listeners_one_disabled().serving.load_balancer
    udp = both.listeners[2]
    pools = (*tls.pools, *both.pools[1:])
    return dataclasses.replace(tls, listeners=(*tls.listeners, udp), pools=pools)


def test_from_tls_and_lvs_to_plain_to_nothing(machine: Machine) -> None:
    same, first = client(), tls_and_lvs()
    configure(first, same)
    assert len(certificates(machine)) == 6
    assert f"frontend {LISTENER}" in haproxy_cfg(machine).read_text()
    assert lvs_cfg(machine, uid(12)).exists()
    assert f"start haproxy-{LB}.service" in machine.units
    assert f"restart octavia-keepalivedlvs-{uid(12)}.service" in machine.units

    configure(plain_scenarios.http_l7().serving.load_balancer, same)
    assert certificates(machine) == set()
    assert "crt-list" not in haproxy_cfg(machine).read_text()
    assert not lvs_cfg(machine, uid(12)).exists()

    configure(dataclasses.replace(first, listeners=(), pools=()), same)
    assert not haproxy_cfg(machine).exists()
    assert machine.units[-1].startswith("disable haproxy-")


def test_nothing_to_delete_is_fine(machine: Machine) -> None:
    lb = plain_scenarios.http_l7().serving.load_balancer
    configure(dataclasses.replace(lb, listeners=()))
    assert not haproxy_cfg(machine).exists()


def test_configuration_that_haproxy_refuses(machine: Machine) -> None:
    lb = plain_scenarios.http_l7().serving.load_balancer
    rule = tree.L7Rule(uid(99), "PATH", "REGEX", "(")
    policy = tree.L7Policy(uid(98), "REJECT", 1, rules=(rule,))
    listener = dataclasses.replace(lb.listeners[0], l7policies=(policy,))
    with pytest.raises(ProviderError) as caught:
        configure(dataclasses.replace(lb, listeners=(listener,)))
    assert caught.value.reason.code is Code.AGENT_ERROR and not caught.value.retriable
    assert "regex" in caught.value.reason.operator
    assert not haproxy_cfg(machine).exists()


def test_another_certificate(machine: Machine, octavia: Config) -> None:
    file = machine.root / "agent.pem"
    octavia.config(group="amphora_agent", agent_server_cert=str(file))
    client().upload_certificate(ENDPOINT, b"certificate and key")
    assert file.read_bytes() == b"certificate and key"
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("machine", [watched], indirect=True)
def test_files_that_somebody_changes_are_seen_until_they_are_sent_again(machine: Machine) -> None:
    """Of haproxy, LVS and certificates; what the controller has deleted is not missed."""
    changed, same, lb = Configuration(machine.root).changed, client(), tls_and_lvs()
    configure(lb, same)
    files = [haproxy_cfg(machine), lvs_cfg(machine, uid(12))]
    files += [machine.root / "certs" / LB / name for name in certificates(machine)]
    assert (len(files), changed()) == (8, ())
    for file in files:
        file.write_text(file.read_text() + "# by hand\n")
    assert changed() == tuple(sorted(str(f.relative_to(machine.root)) for f in files))
    configure(lb, same)
    assert changed() == ()
    haproxy_cfg(machine).unlink()
    assert changed() == (f"{LB}/haproxy.cfg",)
    configure(plain_scenarios.http_l7().serving.load_balancer, same)
    assert (changed(), certificates(machine)) == ((), set())
