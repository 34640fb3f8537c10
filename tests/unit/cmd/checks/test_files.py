from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from sriov_provider import config
from sriov_provider.cmd.checks import files
from sriov_provider.cmd.checks.model import Verdict
from sriov_provider.db.types import utcnow
from tests.unit.amphora import pki

WHOLE = """
[controller_worker]
amp_boot_network_list = net
amp_flavor_id = flavor
amp_image_tag = amphora
amp_secgroup_list = group
client_ca = {0}/client_ca.pem
[haproxy_amphora]
client_cert = {0}/client.pem
server_ca = {0}/server_ca.pem
[certificates]
ca_certificate = {0}/server_ca.pem
ca_private_key = {0}/server_ca.key
server_certs_key_passphrase = 0123456789abcdef0123456789abcdef
[health_manager]
heartbeat_key = secret
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "client_ca.pem").write_bytes(pki.authority("client CA").certificate)
    (tmp_path / "server_ca.pem").write_bytes(pki.authority("server CA").certificate)
    (tmp_path / "server_ca.key").write_bytes(pki.authority("server CA").key)
    (tmp_path / "client.pem").write_bytes(pki.issued("controller", "client CA").pem)
    return tmp_path


def look(directory: Path, **changes: str) -> dict[str, tuple[Verdict, str]]:
    """Name -> verdict and detail, with lines of the whole configuration replaced."""
    lines = [
        f"{name} = {changes[name]}" if (name := line.split(" ")[0]) in changes else line
        for line in WHOLE.format(directory).splitlines()
    ]
    path = directory / "octavia.conf"
    path.write_text("\n".join(lines))
    results = {}
    for check in files.checks(config.parse([str(path)])):
        try:
            result = check.look()
        except OSError as error:
            results[check.name] = Verdict.FAIL, str(error)
        else:
            results[check.name] = result.verdict, result.detail
    return results


def test_all_is_well(directory: Path) -> None:
    told = look(directory)
    names = ["options", "client certificate", "server CA", "client CA", "client trust"]
    assert list(told) == [*names, "CA certificate", "CA key"]
    bad = {name: r for name, r in told.items() if r[0] is Verdict.FAIL}
    assert bad == {}
    assert told["options"][0] is Verdict.OK
    # that authority is one of two days
    assert told["server CA"][0] is Verdict.WARN


@pytest.mark.parametrize(
    "name", ["amp_boot_network_list", "amp_flavor_id", "amp_image_tag", "heartbeat_key"]
)
def test_a_required_option(directory: Path, name: str) -> None:
    verdict, detail = look(directory, **{name: ""})["options"]
    assert verdict is Verdict.FAIL
    assert name in detail
    assert detail.count("[") == 1


def test_options_worth_a_warning(directory: Path) -> None:
    verdict, detail = look(directory, amp_secgroup_list="")["options"]
    assert (verdict, "amp_secgroup_list" in detail) == (Verdict.WARN, True)
    known = "insecure-key-do-not-use-this-key"
    verdict, detail = look(directory, server_certs_key_passphrase=known)["options"]
    assert (verdict, "passphrase" in detail) == (Verdict.WARN, True)
    assert known not in detail


def test_files_that_are_none(directory: Path) -> None:
    told = look(directory, client_cert=f"{directory}/nothing.pem")
    assert told["client certificate"][0] is told["client trust"][0] is Verdict.FAIL
    assert "nothing.pem" in told["client certificate"][1]
    told = look(directory, client_ca=f"{directory}/server_ca.key")
    assert told["client CA"] == (
        Verdict.FAIL,
        f"{directory}/server_ca.key: holds no certificate",
    )


def test_another_generator_needs_no_authority(directory: Path) -> None:
    told = look(directory, ca_certificate="x\ncert_generator = other")
    assert "CA key" not in told


def test_dates(directory: Path) -> None:
    path = str(directory / "client.pem")
    end = x509.load_pem_x509_certificate((directory / "client.pem").read_bytes())
    last, first = end.not_valid_after_utc, end.not_valid_before_utc
    second = datetime.timedelta(seconds=1)
    cases = {
        first - second: Verdict.FAIL,
        last: Verdict.FAIL,
        last - second: Verdict.WARN,
        last - files.SOON: Verdict.WARN,
        last - files.SOON - second: Verdict.OK,
    }
    told = {now: files.validity(path, now) for now in cases}
    assert {now: result.verdict for now, result in told.items()} == cases
    assert "not valid before" in told[first - second].detail
    assert "expired" in told[last].detail


def test_a_client_of_another_authority(directory: Path) -> None:
    (directory / "client.pem").write_bytes(pki.issued("controller", "server CA").pem)
    assert look(directory)["client trust"][0] is Verdict.FAIL
    two = pki.issued("controller", "server CA").certificate + pki.authority("x").certificate
    (directory / "client.pem").write_bytes(two)
    assert look(directory)["client trust"][0] is Verdict.WARN


def test_the_key_of_new_certificates(directory: Path) -> None:
    assert look(directory)["CA key"][0] is Verdict.OK
    (directory / "server_ca.key").write_bytes(pki.authority("client CA").key)
    assert "is not the key of" in look(directory)["CA key"][1]
    loaded = serialization.load_pem_private_key(pki.authority("server CA").key, None)
    locked = loaded.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"hush"),
    )
    (directory / "server_ca.key").write_bytes(locked)
    assert look(directory)["CA key"][0] is Verdict.FAIL
    phrase = f"{directory}/server_ca.key\nca_private_key_passphrase = "
    assert look(directory, ca_private_key=phrase + "hush")["CA key"][0] is Verdict.OK
    verdict, detail = look(directory, ca_private_key=phrase + "wrong")["CA key"]
    assert (verdict, "wrong" in detail) == (Verdict.FAIL, False)


def test_it_is_valid_today(directory: Path) -> None:
    assert files.validity(str(directory / "client.pem"), utcnow()).verdict is not Verdict.FAIL
