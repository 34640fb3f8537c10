"""Certificate authorities and certificates, the latter from Octavia's own generator."""

from __future__ import annotations

import dataclasses
import datetime
import functools
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from octavia.certificates.generator.local import LocalCertGenerator
from octavia.common import config as _registers_options  # noqa: F401

YEAR = 365 * 24 * 3600


@dataclasses.dataclass(frozen=True)
class Pair:
    certificate: bytes
    key: bytes

    @property
    def pem(self) -> bytes:
        return self.certificate + self.key


@functools.cache
def authority(name: str) -> Pair:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Pair(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        ),
    )


@functools.cache
def issued(cn: str, issuer: str = "server CA") -> Pair:
    """A certificate for server and client use, made out to ``cn``."""
    ca = authority(issuer)
    made = LocalCertGenerator.generate_cert_key_pair(
        cn, YEAR, ca_cert=ca.certificate, ca_key=ca.key
    )
    return Pair(made.certificate, made.private_key)


def with_passphrase(key: bytes, passphrase: str) -> str:
    loaded = serialization.load_pem_private_key(key, None)
    return loaded.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase.encode()),
    ).decode()


@functools.cache
def revocations(issuer: str = "client CA") -> str:
    """An empty revocation list."""
    ca = authority(issuer)
    key = serialization.load_pem_private_key(ca.key, None)
    assert isinstance(key, rsa.RSAPrivateKey)
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(x509.load_pem_x509_certificate(ca.certificate).subject)
        .last_update(now)
        .next_update(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


def write(directory: Path, name: str, content: bytes) -> str:
    path = directory / name
    path.write_bytes(content)
    return str(path)
