"""The programs that read the configurations accept them."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
from pathlib import Path

import pytest
from oslo_config.fixture import Config

from sriov_provider import tree
from sriov_provider.amphora import certificates
from sriov_provider.amphora.octavia_config import Templates
from tests.unit.amphora import lvs_scenarios, pki, plain_scenarios, tls_scenarios
from tests.unit.amphora.conftest import octavia
from tests.unit.amphora.scenarios import AMPHORA, LISTENER, Scenario

__all__ = ["octavia"]
HAPROXY, KEEPALIVED = shutil.which("haproxy"), shutil.which("keepalived")
SCENARIOS = {**plain_scenarios.SCENARIOS, **tls_scenarios.SCENARIOS}


def real(container: tree.TlsContainer | None) -> tree.TlsContainer | None:
    """The same container with a certificate that can be loaded."""
    if container is None:
        return None
    pair = pki.issued(container.id[:8] + ".example.org")
    return dataclasses.replace(
        container,
        certificate=pair.certificate.decode(),
        private_key=pair.key.decode(),
        intermediates=(),
    )


def with_real_certificates(lb: tree.LoadBalancer) -> tree.LoadBalancer:
    ca, crl = pki.authority("client CA").certificate.decode(), pki.revocations()
    ciphers = "TLS_AES_256_GCM_SHA384:ECDHE-RSA-AES256-GCM-SHA384"
    listeners = tuple(
        dataclasses.replace(
            x,
            default_tls=real(x.default_tls),
            sni=tuple(c for c in map(real, x.sni) if c),
            client_ca_data=x.client_ca_data and ca,
            client_crl_data=x.client_crl_data and crl,
            tls_ciphers=x.tls_ciphers and ciphers,
        )
        for x in lb.listeners
    )
    pools = tuple(
        dataclasses.replace(
            p,
            tls_container=real(p.tls_container),
            ca_tls_data=p.ca_tls_data and ca,
            crl_data=p.crl_data and crl,
        )
        for p in lb.pools
    )
    return dataclasses.replace(lb, listeners=listeners, pools=pools)


def write_files(scenario: Scenario, root: Path) -> Path:
    templates = Templates()
    lb = with_real_certificates(scenario.serving.load_balancer)
    directory = Path(templates.certificate_directory(lb.id))
    directory.mkdir(parents=True)
    for file in certificates.files(lb, str(directory)):
        (directory / file.name).write_bytes(file.content)
    serving = dataclasses.replace(scenario.serving, load_balancer=lb)
    config = root / "haproxy.cfg"
    config.write_text(templates.haproxy(serving, AMPHORA, "2.6.12", scenario.details))
    return config


@pytest.mark.skipif(HAPROXY is None, reason="haproxy is not installed")
@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_haproxy(name: str, octavia: Config, tmp_path: Path) -> None:
    octavia.config(group="haproxy_amphora", base_cert_dir=str(tmp_path / "certs"))
    config = write_files(SCENARIOS[name](), tmp_path)
    assert config.read_text().count(f"frontend {LISTENER}") == (name != "disabled")
    # The agent tells haproxy which of the peers it is; the name is a hash of the amphora's id.
    peers = [x.split()[1] for x in config.read_text().splitlines() if x.startswith("    peer ")]
    done = haproxy_check(config, peers[0] if peers else "amphora")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(peers) == (2 if name.endswith("-pair") else 0)


def haproxy_check(config: Path, peer: str) -> subprocess.CompletedProcess[str]:
    assert HAPROXY is not None
    command = [HAPROXY, "-c", "-L", peer, "-f", str(config)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.skipif(KEEPALIVED is None, reason="keepalived is not installed")
@pytest.mark.parametrize("name", sorted(lvs_scenarios.SCENARIOS))
def test_keepalived(name: str, octavia: Config, tmp_path: Path) -> None:
    text = Templates().lvs(lvs_scenarios.SCENARIOS[name]().serving, LISTENER)
    done = keepalived_check(tmp_path, text)
    assert done.returncode == 0, done.stdout + done.stderr
    # It does look at what it is given.
    broken = text.replace("real_server 10.0.0.1", "real_server 10.0.0.1000")
    assert (keepalived_check(tmp_path, broken).returncode == 0) == (broken == text)


def keepalived_check(directory: Path, text: str) -> subprocess.CompletedProcess[str]:
    config = directory / "keepalived.conf"
    # The namespace exists in an amphora only; without it keepalived would not even look further.
    namespace = "net_namespace amphora-haproxy\n"
    assert namespace in text
    config.write_text(text.replace(namespace, ""))
    assert KEEPALIVED is not None
    command = [KEEPALIVED, f"-t{directory}/keepalived.log", "-f", str(config)]
    # Not a virtual environment's amphora-health-checker: keepalived judges whose file that is.
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    return subprocess.run(command, env=env, capture_output=True, text=True)
