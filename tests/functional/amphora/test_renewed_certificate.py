"""The server of agents, gunicorn, serves a certificate that was replaced to the next
connection."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509

from tests.unit.amphora import pki

APPLICATION = """
def app(environ, start_response):
    start_response("200 OK", [("Content-Length", "0")])
    return []
"""


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
        return number


@pytest.fixture
def server_pem(tmp_path: Path, port: int) -> Iterator[Path]:
    """The file that a running server has its certificate from; mutual TLS and one worker, as the
    agent asks for."""
    (tmp_path / "application.py").write_text(APPLICATION)
    (tmp_path / "client_ca.pem").write_bytes(pki.authority("client CA").certificate)
    (tmp_path / "client.pem").write_bytes(pki.issued("controller", "client CA").pem)
    pem = tmp_path / "server.pem"
    pem.write_bytes(pki.issued("first").pem)
    options = {"certfile": pem, "ca-certs": tmp_path / "client_ca.pem", "cert-reqs": 2}
    words = [f"--{name}={value}" for name, value in options.items()]
    process = subprocess.Popen(
        [
            *(sys.executable, "-W", "ignore", "-m", "gunicorn", "--preload", "--workers=1"),
            *(f"--bind=127.0.0.1:{port}", *words, "application:app"),
        ],
        cwd=tmp_path,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield pem
    finally:
        process.terminate()
        process.wait(10)


def served(port: int, client: Path) -> str:
    """The name in the certificate of a new connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(client)
    with (
        socket.create_connection(("127.0.0.1", port), 5) as plain,
        context.wrap_socket(plain) as tls,
    ):
        tls.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert tls.recv(1024).startswith(b"HTTP/1.")
        found = tls.getpeercert(binary_form=True)
        assert found
        return x509.load_der_x509_certificate(found).subject.rfc4514_string()


def when_it_listens(port: int, client: Path) -> str:
    until = time.monotonic() + 20
    while True:
        try:
            return served(port, client)
        except ConnectionRefusedError:
            assert time.monotonic() < until, "the server does not start"
            time.sleep(0.1)


def test_the_next_connection_has_the_new_one(server_pem: Path, port: int) -> None:
    client = server_pem.parent / "client.pem"
    assert when_it_listens(port, client) == "CN=first"
    server_pem.write_bytes(pki.issued("second").pem)
    assert served(port, client) == "CN=second"
