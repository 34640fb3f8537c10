"""The certificate files a load balancer needs on its amphorae, named as the templates expect.

Keys pass through here on their way to the agent; nothing in this module logs or keeps them.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from cryptography.hazmat.primitives import serialization

from sriov_provider import tree
from sriov_provider.errors import Code, ProviderError


@dataclasses.dataclass(frozen=True)
class CertificateFile:
    """:ivar name: file name in the load balancer's certificate directory on the amphora"""

    name: str
    content: bytes = dataclasses.field(repr=False)

    @property
    def md5(self) -> str:
        """What the agent answers when asked for the file's digest."""
        return hashlib.md5(self.content, usedforsecurity=False).hexdigest()


def secret_name(data: str) -> str:
    """File name of a CA bundle or revocation list: named after its content."""
    return hashlib.sha1(data.encode(), usedforsecurity=False).hexdigest() + ".pem"


def container_name(container: tree.TlsContainer) -> str:
    return f"{container.id}.pem"


def crt_list_name(listener: tree.Listener) -> str:
    return f"{listener.id}.pem"


def files(load_balancer: tree.LoadBalancer, directory: str) -> tuple[CertificateFile, ...]:
    """Every file haproxy will look for, each once.

    :param directory: the load balancer's certificate directory on the amphora
    :raises ProviderError: CERTIFICATE when a terminated listener has no certificate or a key
        cannot be read
    """
    found: dict[str, CertificateFile] = {}
    for listener in load_balancer.listeners:
        if not listener.is_lvs:
            found.update((f.name, f) for f in _listener_files(listener, directory))
    for pool in _pools_in_use(load_balancer):
        found.update((f.name, f) for f in _pool_files(pool))
    return tuple(found.values())


def references(load_balancer: tree.LoadBalancer, directory: str) -> Mapping[str, Any]:
    """The ``tls_certs`` argument of Octavia's haproxy templates: names of CA and CRL files by
    their id (here the name itself), and the paths of each pool's files by pool id."""
    result: dict[str, Any] = {}
    for listener in load_balancer.listeners:
        for data in (listener.client_ca_data, listener.client_crl_data):
            if data:
                result[secret_name(data)] = secret_name(data)
    for pool in load_balancer.pools:
        result[pool.id] = _pool_paths(pool, directory)
    return result


def _listener_files(listener: tree.Listener, directory: str) -> Iterator[CertificateFile]:
    containers = (*((listener.default_tls,) if listener.default_tls else ()), *listener.sni)
    if listener.protocol == "TERMINATED_HTTPS" and not containers:
        raise ProviderError(
            Code.CERTIFICATE,
            "The listener terminates TLS but its certificate cannot be retrieved.",
            f"Listener {listener.id} came without certificate data from the driver-agent.",
        )
    for container in containers:
        yield CertificateFile(container_name(container), _pem(container))
    if containers:
        lines = [f"{directory}/{container_name(c)}\n" for c in containers]
        yield CertificateFile(crt_list_name(listener), "".join(lines).encode())
    for data in (listener.client_ca_data, listener.client_crl_data):
        if data:
            yield CertificateFile(secret_name(data), data.encode())


def _pools_in_use(load_balancer: tree.LoadBalancer) -> Iterator[tree.Pool]:
    listeners = [x for x in load_balancer.listeners if not x.is_lvs]
    wanted = {x.default_pool_id for x in listeners}
    wanted |= {p.redirect_pool_id for x in listeners for p in x.l7policies}
    return (pool for pool in load_balancer.pools if pool.id in wanted)


def _pool_files(pool: tree.Pool) -> Iterator[CertificateFile]:
    if pool.tls_container:
        yield CertificateFile(container_name(pool.tls_container), _pem(pool.tls_container))
    for data in (pool.ca_tls_data, pool.crl_data):
        if data:
            yield CertificateFile(secret_name(data), data.encode())


def _pool_paths(pool: tree.Pool, directory: str) -> Mapping[str, str]:
    names: dict[str, str] = {}
    if pool.tls_container:
        names["client_cert"] = container_name(pool.tls_container)
    if pool.ca_tls_data:
        names["ca_cert"] = secret_name(pool.ca_tls_data)
    if pool.crl_data:
        names["crl"] = secret_name(pool.crl_data)
    return {key: f"{directory}/{name}" for key, name in names.items()}


def _pem(container: tree.TlsContainer) -> bytes:
    """Certificate, key and intermediates in the order haproxy wants them in one file."""
    parts = [container.certificate.encode()]
    if container.private_key:
        parts.append(_plain_key(container))
    parts += [x.encode() for x in container.intermediates]
    return b"\n".join(parts) + b"\n"


def _plain_key(container: tree.TlsContainer) -> bytes:
    """haproxy cannot ask for a passphrase, so the key goes there without one."""
    key = container.private_key.encode()
    if not container.passphrase or b"ENCRYPTED" not in key:
        return key
    try:
        loaded = serialization.load_pem_private_key(key, container.passphrase.encode())
    except (ValueError, TypeError):
        # Not chained: the cause may quote what it could not read.
        raise ProviderError(
            Code.CERTIFICATE,
            "The private key of a certificate cannot be decrypted with its passphrase.",
            f"The private key of TLS container {container.id} cannot be decrypted.",
        ) from None
    return loaded.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ).strip()
