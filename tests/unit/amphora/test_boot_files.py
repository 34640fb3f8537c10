"""What an amphora is born with, made by the real generator and templates."""

from __future__ import annotations

import configparser
import datetime
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from oslo_config.fixture import Config

from sriov_provider.amphora import octavia_config
from sriov_provider.amphora.octavia_config import OctaviaAmphoraBuilder
from sriov_provider.errors import Code, ProviderError
from tests.unit.amphora import pki
from tests.unit.amphora.scenarios import AMPHORA

DAY = 24 * 3600
UTC = datetime.timezone.utc


@pytest.fixture
def settings(octavia: Config, tmp_path: Path) -> Config:
    ca = pki.authority("server CA")
    octavia.config(
        group="certificates",
        cert_generator="local_cert_generator",
        ca_certificate=pki.write(tmp_path, "ca.pem", ca.certificate),
        ca_private_key=pki.write(tmp_path, "ca.key", ca.key),
        cert_validity_time=3 * DAY,
    )
    client_ca = pki.write(tmp_path, "client_ca.pem", pki.authority("client CA").certificate)
    octavia.config(group="controller_worker", client_ca=client_ca, user_data_config_drive=False)
    octavia.config(
        group="health_manager", controller_ip_port_list=["192.0.2.1:5555"], heartbeat_key="hbk"
    )
    octavia.config(group="amphora_agent", admin_log_targets=["192.0.2.2:514"])
    return octavia


def test_server_certificate(settings: Config) -> None:
    before = datetime.datetime.now(UTC)
    files, _, expiry = OctaviaAmphoraBuilder().boot_files(AMPHORA, "SINGLE")
    pem = files[octavia_config.SERVER_PEM].encode()
    certificate = x509.load_pem_x509_certificate(pem)
    ca = x509.load_pem_x509_certificate(pki.authority("server CA").certificate)
    certificate.verify_directly_issued_by(ca)
    name = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value
    key = serialization.load_pem_private_key(pem, None)
    assert name == AMPHORA
    assert key.public_key() == certificate.public_key()
    assert expiry == certificate.not_valid_after_utc
    assert abs(expiry - before - datetime.timedelta(days=3)) < datetime.timedelta(minutes=1)


def test_each_amphora_gets_a_key_of_its_own(settings: Config) -> None:
    builder = OctaviaAmphoraBuilder()
    one, two = (builder.boot_files(AMPHORA, "SINGLE")[0] for _ in range(2))
    assert one[octavia_config.SERVER_PEM] != two[octavia_config.SERVER_PEM]


def test_agent_configuration_and_logging(settings: Config) -> None:
    files, user_data, _ = OctaviaAmphoraBuilder().boot_files(AMPHORA, "ACTIVE_STANDBY")
    agent = configparser.ConfigParser()
    agent.read_string(files[octavia_config.AGENT_CONF])
    assert agent["amphora_agent"]["amphora_id"] == AMPHORA
    assert agent["controller_worker"]["loadbalancer_topology"] == "ACTIVE_STANDBY"
    assert agent["health_manager"]["heartbeat_key"] == "hbk"
    assert agent["health_manager"]["controller_ip_port_list"] == "192.0.2.1:5555"
    assert "192.0.2.2" in files[octavia_config.RSYSLOG_CONF]
    assert files[octavia_config.CLIENT_CA] == pki.authority("client CA").certificate.decode()
    assert user_data is not None
    assert "write_files" not in yaml.safe_load(user_data)


def test_heartbeats_may_go_elsewhere_than_those_of_the_stock_provider(settings: Config) -> None:
    ours = ["192.0.2.3:5556", "[2001:db8::3]:5556"]
    files, _, _ = OctaviaAmphoraBuilder(ours).boot_files(AMPHORA, "SINGLE")
    agent = configparser.ConfigParser()
    agent.read_string(files[octavia_config.AGENT_CONF])
    assert agent["health_manager"]["controller_ip_port_list"] == ", ".join(ours)
    assert agent["health_manager"]["heartbeat_key"] == "hbk"


def test_amphorae_are_not_booted_from_other_disks_than_the_operator_says(settings: Config) -> None:
    settings.config(group="controller_worker", volume_driver="volume_cinder_driver")
    with pytest.raises(ProviderError) as caught:
        OctaviaAmphoraBuilder().boot_files(AMPHORA, "SINGLE")
    assert caught.value.reason.code is Code.CONFIGURATION
    assert "volume_cinder_driver" in caught.value.reason.operator


def test_files_in_user_data(settings: Config) -> None:
    settings.config(group="controller_worker", user_data_config_drive=True)
    files, user_data, _ = OctaviaAmphoraBuilder().boot_files(AMPHORA, "SINGLE")
    assert files == {}
    assert user_data is not None
    written = {f["path"]: f["content"] for f in yaml.safe_load(user_data)["write_files"]}
    assert set(written) == {
        octavia_config.SERVER_PEM,
        octavia_config.CLIENT_CA,
        octavia_config.AGENT_CONF,
        octavia_config.RSYSLOG_CONF,
    }
    pem = written[octavia_config.SERVER_PEM].encode()
    assert serialization.load_pem_private_key(pem, None)
    assert x509.load_pem_x509_certificate(pem)


@pytest.mark.parametrize(
    ("group", "option", "value", "code"),
    [
        ("certificates", "ca_private_key", "/nowhere/ca.key", Code.CERTIFICATE),
        ("certificates", "cert_generator", "no_such_generator", Code.CERTIFICATE),
        ("controller_worker", "client_ca", "/nowhere/client_ca.pem", Code.CONFIGURATION),
    ],
)
def test_incomplete_settings(
    settings: Config, group: str, option: str, value: str, code: Code
) -> None:
    settings.config(group=group, **{option: value})
    with pytest.raises(ProviderError) as caught:
        OctaviaAmphoraBuilder().boot_files(AMPHORA, "SINGLE")
    assert caught.value.reason.code is code
    assert value in caught.value.reason.operator
    assert value not in caught.value.reason.user


def run(program: str) -> str:
    """In a process that has not met octavia."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_init_reads_files_and_directories_once(tmp_path: Path) -> None:
    first, directory = tmp_path / "octavia.conf", tmp_path / "octavia.conf.d"
    directory.mkdir()
    first.write_text("[haproxy_amphora]\nbind_port = 1111\ntimeout_client_data = 1\n")
    (directory / "site.conf").write_text("[haproxy_amphora]\ntimeout_client_data = 2\n")
    other = tmp_path / "other.conf"
    other.write_text("[haproxy_amphora]\nbind_port = 3333\n")
    assert (
        run(
            "from sriov_provider.amphora import octavia_config as o\n"
            f"o.init([{str(first)!r}, {str(directory)!r}])\n"
            f"o.init([{str(other)!r}])\n"
            "c = o.cfg.CONF.haproxy_amphora\n"
            "print(c.bind_port, c.timeout_client_data)"
        )
        == "1111 2"
    )


def test_init_leaves_a_running_service_alone(tmp_path: Path) -> None:
    other = tmp_path / "other.conf"
    other.write_text("[haproxy_amphora]\nbind_port = 3333\n")
    assert (
        run(
            "from octavia.common import config\n"
            "config.init([], default_config_files=[])\n"
            "from sriov_provider.amphora import octavia_config as o\n"
            f"o.init([{str(other)!r}])\n"
            "print(o.cfg.CONF.haproxy_amphora.bind_port)"
        )
        == "9443"
    )


def test_another_certificate_for_the_same_amphora(settings: Config) -> None:
    builder = OctaviaAmphoraBuilder()
    first = builder.boot_files(AMPHORA, "SINGLE")[0][octavia_config.SERVER_PEM]
    pem, expiry = builder.server_certificate(AMPHORA)
    certificate = x509.load_pem_x509_certificate(pem)
    ca = x509.load_pem_x509_certificate(pki.authority("server CA").certificate)
    certificate.verify_directly_issued_by(ca)
    key = serialization.load_pem_private_key(pem, None)
    assert key.public_key() == certificate.public_key()
    assert certificate.subject.rfc4514_string() == f"CN={AMPHORA}"
    assert expiry == certificate.not_valid_after_utc
    assert pem.decode() != first
