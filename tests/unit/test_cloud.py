"""Connections as an operator's octavia.conf describes them, against a real HTTP server."""

from __future__ import annotations

import datetime
import ipaddress
import pathlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sriov_provider.cloud import COMPUTE, DEFAULT_TIMEOUT, NETWORK, Cloud
from sriov_provider.compute.nova import NovaCompute
from sriov_provider.errors import Code, ProviderError
from sriov_provider.network.neutron import NeutronNetwork
from tests.fakes.services import Services

TOKENS = "/identity/v3/auth/tokens"


@pytest.fixture
def services() -> Iterator[Services]:
    with Services() as running:
        running.answer("GET", "/network/v2.0/ports", {"ports": []})
        running.answer("GET", "/compute/v2.1/flavors/1", {"flavor": {"id": "1"}})
        running.answer("GET", "/image/v2/images", {"images": [{"id": "image-1"}]})
        yield running


def users(services: Services) -> list[str]:
    """Who logged in, in order."""
    bodies = (r.body for r in services.requests if r.path == TOKENS)
    return [b["auth"]["identity"]["password"]["user"]["name"] for b in bodies]


def reason(call: Any, *args: Any) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        call(*args)
    return caught.value


def test_nothing_happens_before_the_first_call(services: Services, tmp_path: pathlib.Path) -> None:
    cloud = Cloud(services.conf(tmp_path))
    NeutronNetwork(cloud)
    NovaCompute(cloud)
    assert services.requests == []


def test_threads_share_one_login_and_one_discovery(
    services: Services, tmp_path: pathlib.Path
) -> None:
    neutron = NeutronNetwork(Cloud(services.conf(tmp_path)))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: neutron.ports("lb-1"), range(40)))
    assert len(services.calls("/network")) == 40
    assert services.overhead() == ["GET /identity", f"POST {TOKENS}"]


def test_compute_and_image_share_one_login(services: Services, tmp_path: pathlib.Path) -> None:
    nova = NovaCompute(Cloud(services.conf(tmp_path)))
    nova.check_flavor("1")
    nova.image_id("amphora", None)
    assert users(services) == ["octavia"]
    agents = {r.headers["User-Agent"].split()[0] for r in services.requests}
    assert agents == {"octavia-sriov-provider"}


def test_calls_tell_which_part_of_us_makes_them(services: Services, tmp_path: pathlib.Path) -> None:
    NeutronNetwork(Cloud(services.conf(tmp_path), part="api")).ports("lb-1")
    agents = {r.headers["User-Agent"].split()[0] for r in services.requests}
    assert agents == {"octavia-sriov-provider/api"}


def test_neutron_with_credentials_of_its_own(services: Services, tmp_path: pathlib.Path) -> None:
    own = services.auth_section("neutron").replace("octavia", "networker")
    cloud = Cloud(services.conf(tmp_path, own))
    NeutronNetwork(cloud).ports("lb-1")
    NovaCompute(cloud).check_flavor("1")
    assert users(services) == ["networker", "octavia"]


def test_neutron_takes_what_it_lacks_from_service_auth(
    services: Services, tmp_path: pathlib.Path
) -> None:
    cloud = Cloud(services.conf(tmp_path, "[neutron]\nusername = networker\n"))
    NeutronNetwork(cloud).ports("lb-1")
    body = next(r.body for r in services.requests if r.path == TOKENS)
    user = body["auth"]["identity"]["password"]["user"]
    assert (user["name"], user["password"]) == ("networker", "secret")


@pytest.mark.parametrize("option", ["endpoint_override", "endpoint"])
def test_endpoint_of_neutron_old_and_new_name(
    services: Services, tmp_path: pathlib.Path, option: str
) -> None:
    services.answer("GET", "/elsewhere/v2.0", {"resources": []})
    services.answer("GET", "/elsewhere/v2.0/ports", {"ports": []})
    extra = f"[neutron]\n{option} = {services.url}/elsewhere/v2.0\n"
    NeutronNetwork(Cloud(services.conf(tmp_path, extra))).ports("lb-1")
    assert "GET /elsewhere/v2.0/ports" in services.calls()
    assert services.calls("/network") == []


def test_new_names_win(services: Services, tmp_path: pathlib.Path) -> None:
    old = "endpoint = http://192.0.2.1\nendpoint_type = internalURL\nca_certificates_file = /old\n"
    new = f"endpoint_override = {services.url}/network\nvalid_interfaces = public\ncafile = /new\n"
    cloud = Cloud(services.conf(tmp_path, f"[neutron]\n{old}{new}"))
    proxy = cloud.proxy(NETWORK)
    assert proxy.endpoint_override.startswith(services.url)
    assert (proxy.interface, proxy.session.verify) == (["public"], "/new")


def test_old_names_alone(services: Services, tmp_path: pathlib.Path) -> None:
    extra = "[neutron]\nendpoint_type = publicURL\nca_certificates_file = /old\n"
    proxy = Cloud(services.conf(tmp_path, extra)).proxy(NETWORK)
    assert (proxy.interface, proxy.session.verify) == (["public"], "/old")


def test_endpoint_of_nova(services: Services, tmp_path: pathlib.Path) -> None:
    version = {"id": "v2.1", "status": "CURRENT", "version": "2.96", "min_version": "2.1"}
    links = [{"rel": "self", "href": f"{services.url}/nova/v2.1/"}]
    services.answer("GET", "/nova/v2.1", {"version": version | {"links": links}})
    services.answer("GET", "/nova/v2.1/flavors/1", {"flavor": {"id": "1"}})
    extra = f"[nova]\nendpoint = {services.url}/nova/v2.1\n"
    NovaCompute(Cloud(services.conf(tmp_path, extra))).check_flavor("1")
    assert "GET /nova/v2.1/flavors/1" in services.calls()


@pytest.mark.parametrize(
    "extra",
    [
        "[nova]\nregion_name = Elsewhere\n",
        "[nova]\nendpoint_type = internalURL\n",
        "[nova]\nservice_name = nova-cell2\n",
    ],
)
def test_service_that_is_not_in_the_catalog(
    services: Services, tmp_path: pathlib.Path, extra: str
) -> None:
    nova = NovaCompute(Cloud(services.conf(tmp_path, extra)))
    assert reason(nova.check_flavor, "1").reason.code is Code.CONFIGURATION
    assert services.calls() == []


def test_region_interface_and_name_that_are(services: Services, tmp_path: pathlib.Path) -> None:
    extra = "[nova]\nregion_name = RegionOne\nendpoint_type = publicURL\nservice_name = compute\n"
    NovaCompute(Cloud(services.conf(tmp_path, extra))).check_flavor("1")
    assert services.calls() == ["GET /compute/v2.1/flavors/1"]


def test_no_credentials_at_all(services: Services, tmp_path: pathlib.Path) -> None:
    neutron = NeutronNetwork(Cloud(services.conf(tmp_path, auth="[service_auth]\n")))
    assert reason(neutron.ports, "lb-1").reason.code is Code.CONFIGURATION


def test_credentials_without_auth_url(services: Services, tmp_path: pathlib.Path) -> None:
    auth = "[service_auth]\nauth_type = password\nusername = octavia\npassword = secret\n"
    neutron = NeutronNetwork(Cloud(services.conf(tmp_path, auth=auth)))
    error = reason(neutron.ports, "lb-1")
    assert error.reason.code is Code.CONFIGURATION
    assert "secret" not in str(error)


def test_wrong_password(tmp_path: pathlib.Path) -> None:
    with Services() as services:
        services.refuse_logins()
        error = reason(NeutronNetwork(Cloud(services.conf(tmp_path))).ports, "lb-1")
    assert error.reason.code is Code.CONFIGURATION
    assert error.retriable
    assert "secret" not in str(error)


def test_cloud_that_is_down(services: Services, tmp_path: pathlib.Path) -> None:
    stopped = Services()
    conf = services.conf(tmp_path, auth=stopped.auth_section())
    stopped.close()
    error = reason(NeutronNetwork(Cloud(conf)).ports, "lb-1")
    assert (error.reason.code, error.retriable) == (Code.CLOUD_ERROR, True)


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/image", {(Code.CLOUD_ERROR, True)}), ("/compute/v2.1", set())],
    ids=["catalogue has the root", "catalogue has the version"],
)
def test_service_that_was_down_at_first_is_found_later(
    services: Services, tmp_path: pathlib.Path, path: str, expected: set[Any]
) -> None:
    for _ in range(8):  # the library itself asks more than once
        services.answer_first("GET", path, {"error": {"message": "busy"}}, 503)
    nova = NovaCompute(Cloud(services.conf(tmp_path)))
    errors = []
    while "GET /compute/v2.1/flavors/1" not in services.calls() and len(errors) < 10:
        try:
            nova.image_id("amphora", None)
            nova.check_flavor("1")
        except ProviderError as error:
            errors.append(error)
    assert {(e.reason.code, e.retriable) for e in errors} == expected
    assert len(errors) < 10


def test_timeouts_and_trust(services: Services, tmp_path: pathlib.Path) -> None:
    extra = (
        "cafile = /common.pem\ntimeout = 7\n"
        "[neutron]\ninsecure = true\n[nova]\nca_certificates_file = /nova.pem\n"
    )
    cloud = Cloud(services.conf(tmp_path, extra))
    compute, network = cloud.proxy(COMPUTE).session, cloud.proxy(NETWORK).session
    assert (compute.verify, compute.keystone_verify, compute.timeout) == (
        "/nova.pem",
        "/common.pem",
        7.0,
    )
    assert network.verify is False
    assert Cloud(services.conf(tmp_path)).proxy(NETWORK).session.timeout == DEFAULT_TIMEOUT


def self_signed(path: pathlib.Path) -> str:
    """A file with a key and its certificate for 127.0.0.1, that only trust in itself makes good."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, path.stem)])
    now = datetime.datetime.now(datetime.timezone.utc)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(secret + certificate.public_bytes(pem))
    return str(path)


def test_nova_may_have_another_ca_than_keystone(tmp_path: pathlib.Path) -> None:
    one, two = self_signed(tmp_path / "keystone.pem"), self_signed(tmp_path / "nova.pem")
    with Services(certificate=one) as keystone, Services(certificate=two) as nova:
        keystone.catalog["compute"] = f"{nova.url}/compute/v2.1"
        nova.answer("GET", "/compute/v2.1/flavors/1", {"flavor": {"id": "1"}})
        extra = f"cafile = {one}\n[nova]\nca_certificates_file = {two}\n"
        NovaCompute(Cloud(keystone.conf(tmp_path, extra))).check_flavor("1")
        assert nova.calls() == ["GET /compute/v2.1/flavors/1"]
        only_keystone = NovaCompute(Cloud(keystone.conf(tmp_path, f"cafile = {one}\n")))
        assert reason(only_keystone.check_flavor, "1").reason.code is Code.CLOUD_ERROR
        assert len(nova.calls()) == 1


def test_ca_file_that_is_missing(tmp_path: pathlib.Path) -> None:
    pem = self_signed(tmp_path / "keystone.pem")
    with Services(certificate=pem) as services:
        neutron = NeutronNetwork(Cloud(services.conf(tmp_path, "cafile = /absent/ca.pem\n")))
        error = reason(neutron.ports, "lb-1")
    assert error.reason.code is Code.CONFIGURATION
    assert "/absent/ca.pem" in error.reason.operator


def test_setting_that_is_none(services: Services, tmp_path: pathlib.Path) -> None:
    nova = NovaCompute(Cloud(services.conf(tmp_path, "[nova]\ninsecure = perhaps\n")))
    error = reason(nova.check_flavor, "1")
    assert error.reason.code is Code.CONFIGURATION
    assert "insecure" in error.reason.operator
