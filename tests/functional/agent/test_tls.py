"""Without the controller's certificate nobody gets as far as the application.

What got there is told by the access log of the server that carries the application: it has a line
for every request that was read, whatever the answer.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import itertools
import json
import secrets
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.functional.agent import box as boxes
from tests.functional.agent.conftest import document

pytestmark = pytest.mark.root

BODY = json.dumps(document())
CALLS = [
    ("GET", "/1.0/security-group"),
    ("POST", "/1.0/security-group"),
    ("GET", "/1.0/sriov-capabilities"),
    ("PUT", "/1.0/sriov-interfaces/down"),
    ("POST", "/1.0/plug/network"),
    ("GET", "/"),
]
WRONG = [
    *("none", "of another authority", "of an authority of the same name", "expired"),
    *("not valid yet", "of a server", "signed by itself"),
]
YEAR = datetime.timedelta(days=365)


@dataclasses.dataclass(frozen=True)
class Authority:
    """Signs certificates; each has a name and validity relative to now."""

    name: str = "authority"
    key: ec.EllipticCurvePrivateKey = dataclasses.field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def certificate(self) -> bytes:
        """Its own."""
        builder = _builder(self.name, self.name, self.key, -YEAR, YEAR)
        rules = x509.BasicConstraints(ca=True, path_length=None)
        signed = builder.add_extension(rules, critical=True).sign(self.key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.PEM)

    def sign(
        self,
        path: Path,
        starts: datetime.timedelta = -YEAR,
        ends: datetime.timedelta = YEAR,
        *usages: x509.ObjectIdentifier,
    ) -> Path:
        """A certificate with its key in one file."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder("controller", self.name, key, starts, ends)
        if usages:
            builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        signed = builder.sign(self.key, hashes.SHA256())
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        path.write_bytes(signed.public_bytes(serialization.Encoding.PEM) + private)
        return path


def _builder(
    subject: str,
    issuer: str,
    key: ec.EllipticCurvePrivateKey,
    starts: datetime.timedelta,
    ends: datetime.timedelta,
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.timezone.utc)
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, n)]) for n in (subject, issuer)]
    return (
        x509.CertificateBuilder()
        .subject_name(names[0])
        .issuer_name(names[1])
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + starts)
        .not_valid_after(now + ends)
    )


@dataclasses.dataclass(frozen=True)
class Scene:
    """:ivar certificates: file by the name of a case"""

    box: boxes.Box
    authority: Path
    certificates: dict[str, Path]

    def reached(self, marker: str) -> bool:
        """Whether a request with this in its query was read.

        A request of the controller goes after it; the server reads one at a time.
        """
        last = secrets.token_hex(8)
        assert self.box.call("GET", f"/?{last}")[0] == 200
        deadline = time.monotonic() + 10
        # The line is written after the answer.
        while last not in (log := self.box.log()):
            assert time.monotonic() < deadline, log
            time.sleep(0.01)
        return marker in log

    def context(self, case: str) -> ssl.SSLContext:
        """A client that trusts the agent, with the certificate of this case."""
        context = ssl.create_default_context(cafile=str(self.authority))
        context.check_hostname = False
        if case in self.certificates:
            context.load_cert_chain(self.certificates[case])
        return context


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    place = tmp_path_factory.mktemp("box")
    ours, other, namesake = Authority(), Authority("other"), Authority()
    (place / "ca.pem").write_bytes(ours.certificate())
    ours.sign(place / "peer.pem")
    usage = ExtendedKeyUsageOID.SERVER_AUTH
    certificates = {
        "right": ours.sign(place / "right.pem"),
        "of another authority": other.sign(place / "other.pem"),
        "of an authority of the same name": namesake.sign(place / "namesake.pem"),
        "expired": ours.sign(place / "expired.pem", -2 * YEAR, -YEAR),
        "not valid yet": ours.sign(place / "early.pem", YEAR, 2 * YEAR),
        "of a server": ours.sign(place / "server.pem", -YEAR, YEAR, usage),
        "signed by itself": Authority("controller").sign(place / "self.pem"),
    }
    with boxes.running(place) as box:
        assert {"right", *WRONG} == {"none", *certificates}
        yield Scene(box, place / "ca.pem", certificates)


def request(method: str, path: str, marker: str) -> bytes:
    body = BODY if method == "POST" else ""
    head = f"{method} {path}?{marker} HTTP/1.1\r\nHost: agent\r\nConnection: close\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


@contextlib.contextmanager
def connection(scene: Scene) -> Iterator[socket.socket]:
    with scene.box.space.socket(socket.AF_INET, socket.SOCK_STREAM) as plain:
        plain.settimeout(10)
        plain.connect(("127.0.0.1", 9443))
        yield plain


def everything(opened: socket.socket) -> bytes:
    """What comes until the end."""
    got = b""
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while part := opened.recv(65536):
            got += part
    return got


def test_the_controller_gets_its_answers(scene: Scene) -> None:
    """What the other tests would see if the application were reached."""
    for method, path in CALLS[:3]:
        marker = secrets.token_hex(8)
        with connection(scene) as plain, scene.context("right").wrap_socket(plain) as secure:
            secure.sendall(request(method, path, marker))
            assert everything(secure).startswith(b"HTTP/1.1 200")
        assert scene.reached(marker)


@pytest.mark.parametrize(("method", "path"), CALLS)
@pytest.mark.parametrize("case", WRONG)
def test_another_certificate(scene: Scene, case: str, method: str, path: str) -> None:
    """Not even the handshake ends."""
    before, marker = scene.box.call("GET", "/1.0/security-group")[1], secrets.token_hex(8)
    context = scene.context(case)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with connection(scene) as plain, pytest.raises((ssl.SSLError, ConnectionError)) as caught:
        context.wrap_socket(plain).sendall(request(method, path, marker))
    assert "CERTIFICATE_VERIFY_FAILED" not in str(caught.value)  # the agent refused, not we
    assert not scene.reached(marker)
    assert scene.box.call("GET", "/1.0/security-group")[1]["digest"] == before["digest"]


# The server takes two seconds to close such a connection: one call for each certificate.
@pytest.mark.parametrize(("case", "call"), zip(WRONG, itertools.cycle(CALLS), strict=False))
def test_another_certificate_and_a_client_in_a_hurry(
    scene: Scene, case: str, call: tuple[str, str]
) -> None:
    """With TLS 1.3 a client may send before it is told that the handshake has failed."""
    context, marker = scene.context(case), secrets.token_hex(8)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    with connection(scene) as plain:
        secure = context.wrap_socket(plain)
        secure.sendall(request(*call, marker))
        with pytest.raises((ssl.SSLError, ConnectionError)):
            secure.recv(1)
    assert not scene.reached(marker)


# Beginnings of TLS records: a handshake, an alert, data, nonsense; version 1.2.
RECORDS = [
    *(bytes([kind, 3, 3, 0, 255]) for kind in (22, 21, 23, 99)),
    b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03",
    b"\x80\x2e\x01\x00\x02",  # SSL 2
    b"\0" * 5,
    b"\xff" * 600,
]


@pytest.mark.parametrize(("method", "path"), CALLS)
@pytest.mark.parametrize("before", [b"", *RECORDS], ids=lambda b: b[:5].hex() or "plain")
def test_no_tls_at_all(scene: Scene, before: bytes, method: str, path: str) -> None:
    marker = secrets.token_hex(8)
    with connection(scene) as plain:
        with contextlib.suppress(ConnectionError):
            plain.sendall(before + request(method, path, marker))
            plain.shutdown(socket.SHUT_WR)
        got = everything(plain)
    assert b"HTTP/" not in got
    assert b"{" not in got
    assert not scene.reached(marker)


def test_data_behind_a_handshake_that_has_begun(scene: Scene) -> None:
    """A client that skips the rest of the handshake and goes on in plain text."""
    marker = secrets.token_hex(8)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = scene.context("right").wrap_bio(incoming, outgoing)
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    with connection(scene) as plain:
        plain.sendall(outgoing.read())
        assert plain.recv(65536)[0] == 22  # the agent's side of the handshake
        plain.sendall(request("POST", "/1.0/security-group", marker))
        assert b"HTTP/" not in everything(plain)
    assert not scene.reached(marker)
