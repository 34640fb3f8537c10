"""Server CA (signs each amphora's certificate), client CA and the controller's certificate."""

from __future__ import annotations

from tests.demo.conf.loadbalancer import CERTS
from tests.demo.processes import Processes
from tests.demo.settings import PASSWORD

DAYS = "3650"
EXTENSIONS = (
    "-addext",
    "basicConstraints=critical,CA:TRUE",
    "-addext",
    "keyUsage=critical,keyCertSign,cRLSign",
)


def create(processes: Processes) -> None:
    """Makes all of them with openssl."""
    CERTS.mkdir(mode=0o700, parents=True)
    for name in ("server_ca", "client_ca"):
        authority(processes, name)
    key, csr, crt = (CERTS / f"client.{suffix}" for suffix in ("key", "csr", "crt"))
    new = ("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=octavia-controller")
    processes.run("certs", *new, "-keyout", key, "-out", csr)
    ca = ("-CA", CERTS / "client_ca.pem", "-CAkey", CERTS / "client_ca.key", "-CAcreateserial")
    sign = ("openssl", "x509", "-req", "-in", csr, *ca, "-passin", f"pass:{PASSWORD}")
    processes.run("certs", *sign, "-days", DAYS, "-sha256", "-out", crt)
    (CERTS / "client.pem").write_text(crt.read_text() + key.read_text())


def authority(processes: Processes, name: str) -> None:
    """One self-signed certificate authority."""
    request = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-days", DAYS, "-sha256")
    files = ("-keyout", CERTS / f"{name}.key", "-out", CERTS / f"{name}.pem")
    protect = ("-passout", f"pass:{PASSWORD}")
    processes.run("certs", *request, "-subj", f"/CN=demo {name}", *files, *protect, *EXTENSIONS)
