"""The real ``sriov-amphora-agent`` in namespaces of its own, and its controller's side."""

from __future__ import annotations

import dataclasses
import datetime
import http.client
import json
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.functional import netns

AMPHORA = "amphora-haproxy"
_CONFIG = """
[haproxy_amphora]
bind_host = 127.0.0.1
bind_port = 9443
[amphora_agent]
agent_server_ca = {directory}/ca.pem
agent_server_cert = {directory}/peer.pem
agent_server_network_dir = /run/interfaces
amphora_id = 4a1c0f4e-0d0c-4c55-8a8d-cd53e0d4f0b5
[health_manager]
controller_ip_port_list = 127.0.0.1:5555
heartbeat_key = none
heartbeat_interval = 60
"""


@dataclasses.dataclass
class Box:
    """A running agent.

    :ivar space: the amphora's own namespace, where hot-plugged interfaces appear
    """

    directory: Path
    space: netns.Namespace
    process: subprocess.Popen[bytes]

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """One request over mutual TLS; the status and the decoded answer."""
        plain = self.space.socket(socket.AF_INET, socket.SOCK_STREAM)
        plain.settimeout(60)
        plain.connect(("127.0.0.1", 9443))
        connection = http.client.HTTPConnection("127.0.0.1")
        connection.sock = self._tls().wrap_socket(plain)
        headers = {"Content-Type": "application/json"}
        text = None if body is None else json.dumps(body)
        connection.request(method, path, body=text, headers=headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"null")

    def run(self, *command: str, stdin: str | None = None) -> str:
        """Run a command inside the amphora, in the namespace that carries user traffic."""
        pid = self.pid
        enter = ("nsenter", f"--mount=/proc/{pid}/ns/mnt", f"--net=/proc/{pid}/ns/net")
        return netns.run(*enter, "ip", "netns", "exec", AMPHORA, *command, stdin=stdin)

    def nft(self, *words: str, stdin: str | None = None) -> str:
        return self.run("nft", *words, stdin=stdin)

    @property
    def pid(self) -> int:
        """The first process of the amphora, as seen from outside."""
        own = self.process.pid
        return int(Path(f"/proc/{own}/task/{own}/children").read_text().split()[0])

    def log(self) -> str:
        files = (self.directory / "console", self.directory / "log" / "amphora-agent.log")
        return "\n".join(f.read_text() for f in files if f.exists())

    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.directory / "ca.pem"))
        context.check_hostname = False  # agents are named by their amphora's id, not by address
        context.load_cert_chain(self.directory / "peer.pem")
        return context


@contextmanager
def running(directory: Path) -> Iterator[Box]:
    """An agent that answers; ended, with all its processes, afterwards."""
    if not (directory / "ca.pem").exists():
        _certificates(directory)
    (directory / "agent.conf").write_text(_CONFIG.format(directory=directory))
    with netns.namespace("box") as space, (directory / "console").open("ab") as console:
        process = subprocess.Popen(
            [
                *("ip", "netns", "exec", space.name),
                *("unshare", "--mount", "--pid", "--fork", "--kill-child"),
                *("sh", str(Path(__file__).with_name("box.sh")), str(directory), sys.executable),
            ],
            stdout=console,
            stderr=console,
        )
        box = Box(directory, space, process)
        try:
            _wait(box)
            yield box
        finally:
            process.kill()
            process.wait(30)


def _wait(box: Box) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            assert box.call("GET", "/")[0] == 200
            return
        except OSError:
            assert box.process.poll() is None, box.log()
            assert time.monotonic() < deadline, box.log()
            time.sleep(0.2)


def _certificates(directory: Path) -> None:
    """One authority and one certificate, which agent and controller both use."""
    authority, signer = _certificate("authority", None)
    peer, key = _certificate("peer", (authority, signer))
    (directory / "ca.pem").write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (directory / "peer.pem").write_bytes(peer.public_bytes(serialization.Encoding.PEM) + private)


def _usage(authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _certificate(
    name: str, issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    signer = issuer[1] if issuer else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        # From Python 3.13 on these have to be there.
        .add_extension(_usage(issuer is None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
    )
    return builder.sign(signer, hashes.SHA256()), key
