"""Which certificate files there are, and that keys stay where they belong."""

from __future__ import annotations

import dataclasses

import pytest
from cryptography.hazmat.primitives import serialization

from sriov_provider import tree
from sriov_provider.amphora import certificates
from sriov_provider.errors import Code, ProviderError
from tests.unit.amphora import pki, tls_scenarios
from tests.unit.amphora.scenarios import LISTENER, listener, pool, scenario, sha1, uid

DIRECTORY = "/var/lib/octavia/certs/lb"


def balancer(*listeners: tree.Listener, pools: tuple[tree.Pool, ...] = ()) -> tree.LoadBalancer:
    return scenario(listeners, pools, []).serving.load_balancer


def contents(lb: tree.LoadBalancer) -> dict[str, bytes]:
    return {f.name: f.content for f in certificates.files(lb, DIRECTORY)}


def test_terminated() -> None:
    files = contents(tls_scenarios.terminated().serving.load_balancer)
    names = [sha1(n) + ".pem" for n in ("default", "one", "two")]
    assert set(files) == {
        *names,
        f"{LISTENER}.pem",
        sha1("CLIENT CA") + ".pem",
        sha1("CLIENT CRL") + ".pem",
    }
    assert files[names[0]] == b"CERTIFICATE default\nKEY default\nCA default\n"
    # The default certificate is the first of the list: haproxy takes it without SNI.
    assert files[f"{LISTENER}.pem"].decode() == "".join(f"{DIRECTORY}/{n}\n" for n in names)
    assert files[sha1("CLIENT CA") + ".pem"] == b"CLIENT CA"


def test_same_certificate_twice_is_one_file() -> None:
    shared = tls_scenarios.container("shared")
    listeners = (
        listener("TERMINATED_HTTPS", default_tls=shared),
        listener("TERMINATED_HTTPS", id=uid(11), default_tls=shared, sni=(shared,)),
    )
    files = certificates.files(balancer(*listeners), DIRECTORY)
    assert len(files) == len({f.name for f in files}) == 3


@pytest.mark.parametrize(
    "listener_of_pool",
    [
        listener(default_pool_id=uid(20)),
        listener(
            default_pool_id=None,
            l7policies=(tree.L7Policy(uid(40), "REDIRECT_TO_POOL", 1, redirect_pool_id=uid(20)),),
        ),
    ],
)
def test_pool_in_use(listener_of_pool: tree.Listener) -> None:
    used = tls_scenarios.reencryption().serving.load_balancer.pools[0]
    assert set(contents(balancer(listener_of_pool, pools=(used,)))) == {
        sha1(n) + ".pem" for n in ("member", "MEMBER CA", "MEMBER CRL")
    }


def test_pool_that_no_haproxy_listener_uses_brings_no_key() -> None:
    unused = tls_scenarios.reencryption().serving.load_balancer.pools[0]
    assert contents(balancer(listener(default_pool_id=None), pools=(unused,))) == {}
    assert contents(balancer(listener("UDP"), pools=(pool("UDP"),))) == {}


def test_terminated_listener_without_certificate() -> None:
    with pytest.raises(ProviderError) as caught:
        contents(balancer(listener("TERMINATED_HTTPS")))
    assert caught.value.reason.code is Code.CERTIFICATE
    assert LISTENER in caught.value.reason.operator


def encrypted(passphrase: str | None) -> tree.TlsContainer:
    pair = pki.issued("www.example.org")
    key = pki.with_passphrase(pair.key, "right")
    return tree.TlsContainer("id", pair.certificate.decode(), key, passphrase=passphrase)


def test_key_with_passphrase_is_uploaded_without() -> None:
    files = contents(balancer(listener("TERMINATED_HTTPS", default_tls=encrypted("right"))))
    pair = pki.issued("www.example.org")
    key = serialization.load_pem_private_key(files["id.pem"], None)
    assert key.public_key() == serialization.load_pem_private_key(pair.key, None).public_key()


def test_passphrase_of_a_plain_key_is_of_no_use() -> None:
    container = dataclasses.replace(tls_scenarios.container("x"), passphrase="secret")
    files = contents(balancer(listener("TERMINATED_HTTPS", default_tls=container)))
    assert files[f"{container.id}.pem"] == b"CERTIFICATE x\nKEY x\nCA x\n"


def test_wrong_passphrase_is_explained_without_secrets() -> None:
    container = encrypted("wrong-passphrase")
    with pytest.raises(ProviderError) as caught:
        contents(balancer(listener("TERMINATED_HTTPS", default_tls=container)))
    error = caught.value
    assert error.reason.code is Code.CERTIFICATE and "id" in error.reason.operator
    assert error.__cause__ is None and error.__suppress_context__
    assert "wrong-passphrase" not in str(error) + error.reason.user
    assert container.private_key.splitlines()[1] not in str(error)


def test_secrets_have_no_repr() -> None:
    lb = tls_scenarios.terminated().serving.load_balancer
    shown = repr(lb) + repr(certificates.files(lb, DIRECTORY))
    assert "KEY" not in shown and "CERTIFICATE" not in shown and "CLIENT CA" not in shown


def test_references_name_what_is_uploaded() -> None:
    lb = tls_scenarios.reencryption().serving.load_balancer
    paths = certificates.references(lb, DIRECTORY)[uid(20)]
    assert {p.removeprefix(DIRECTORY + "/") for p in paths.values()} == set(contents(lb))
