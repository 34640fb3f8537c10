"""Options and certificate files of octavia.conf."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from oslo_config import cfg

from sriov_provider.cmd.checks.model import Check, Result, fail, ok, warn
from sriov_provider.db.types import utcnow

# Until the end of a certificate.
SOON = datetime.timedelta(days=30)
_CERTS = "/etc/octavia/certs"
_PUBLISHED = "insecure-key-do-not-use-this-key"

OPTS: Mapping[str, tuple[Any, ...]] = {
    "haproxy_amphora": (
        cfg.StrOpt("client_cert", default=f"{_CERTS}/client.pem"),
        cfg.StrOpt("server_ca", default=f"{_CERTS}/server_ca.pem"),
    ),
    "controller_worker": (cfg.StrOpt("client_ca", default=f"{_CERTS}/ca_01.pem"),),
    "certificates": (
        cfg.StrOpt("cert_generator", default="local_cert_generator"),
        cfg.StrOpt("ca_certificate", default="/etc/ssl/certs/ssl-cert-snakeoil.pem"),
        cfg.StrOpt("ca_private_key", default="/etc/ssl/private/ssl-cert-snakeoil.key"),
        cfg.StrOpt("ca_private_key_passphrase", secret=True),
        cfg.ListOpt("server_certs_key_passphrase", default=[_PUBLISHED], secret=True),
    ),
}
_REQUIRED = ("amp_boot_network_list", "amp_flavor_id", "amp_image_tag")


def checks(conf: Any) -> Iterator[Check]:
    """:param conf: from :func:`sriov_provider.config.parse`; nothing else may change it"""
    for group, options in OPTS.items():
        conf.register_opts(options, group)
    agents, certificates = conf.haproxy_amphora, conf.certificates
    yield Check("options", lambda: options_set(conf), "correct octavia.conf")
    for name, path, other in (
        ("client certificate", agents.client_cert, "[haproxy_amphora] client_cert"),
        ("server CA", agents.server_ca, "[haproxy_amphora] server_ca"),
        ("client CA", conf.controller_worker.client_ca, "[controller_worker] client_ca"),
    ):
        yield _file(name, path, other)
    yield Check(
        "client trust",
        lambda: issued_by(agents.client_cert, conf.controller_worker.client_ca),
        "amphorae accept clients of client_ca only: have client_cert issued by it",
    )
    if certificates.cert_generator == "local_cert_generator":
        yield _file("CA certificate", certificates.ca_certificate, "[certificates] ca_certificate")
        yield Check("CA key", lambda: key_fits(certificates), "correct [certificates]")


def _file(name: str, path: str, option: str) -> Check:
    return Check(name, lambda: validity(path, utcnow()), f"renew the file, or correct {option}")


def options_set(conf: Any) -> Result:
    """Whether there is what no amphora can be made without."""
    worker = conf.controller_worker
    missing = [f"[controller_worker] {name}" for name in _REQUIRED if not worker[name]]
    if not conf.health_manager.heartbeat_key:
        missing.append("[health_manager] heartbeat_key")
    if missing:
        return fail(f"not set: {', '.join(missing)}", "set them in octavia.conf")
    if not worker.amp_secgroup_list:
        return warn(
            "[controller_worker] amp_secgroup_list is empty",
            "name a security group that lets controllers reach amphorae",
        )
    if _PUBLISHED in conf.certificates.server_certs_key_passphrase:
        return warn(
            "[certificates] server_certs_key_passphrase is the one everybody knows",
            "set one of your own, of 32 characters",
        )
    return ok("all that is required is set")


def validity(path: str, now: datetime.datetime) -> Result:
    """Whether every certificate of a file is valid now, and for some time."""
    found = _certificates(path)
    if isinstance(found, Result):
        return found
    first = max(c.not_valid_before_utc for c in found)
    last = min(c.not_valid_after_utc for c in found)
    until = f"{path}: valid until {last:%Y-%m-%d %H:%M} UTC"
    if now < first:
        return fail(f"{path}: not valid before {first:%Y-%m-%d %H:%M} UTC", "check the clocks")
    if now >= last:
        return fail(f"{path}: expired on {last:%Y-%m-%d %H:%M} UTC", "renew it")
    if now >= last - SOON:
        return warn(until, "renew it in time")
    return ok(until)


def issued_by(path: str, authority: str) -> Result:
    """Whether the first certificate of a file is signed by one of the authority's."""
    own, theirs = _certificates(path), _certificates(authority)
    for found in (own, theirs):
        if isinstance(found, Result):
            return found
    assert not isinstance(own, Result) and not isinstance(theirs, Result)
    if any(_signed(own[0], one) for one in theirs):
        return ok(f"{path} is issued by {authority}")
    if len(own) > 1:
        return warn(f"{path} is not issued by {authority} itself", "check the intermediates")
    return fail(f"{path} is not issued by {authority}", "have it issued by that authority")


def key_fits(certificates: Any) -> Result:
    """Whether new amphorae can be given certificates."""
    found = _certificates(certificates.ca_certificate)
    if isinstance(found, Result):
        return found
    path, phrase = certificates.ca_private_key, certificates.ca_private_key_passphrase
    pem = Path(path).read_bytes()
    password = phrase.encode() if phrase and b"ENCRYPTED" in pem else None
    try:
        key = serialization.load_pem_private_key(pem, password)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # Not quoted: the cause may repeat what it could not read.
        return fail(f"{path}: not a key, or not its passphrase", "correct [certificates]")
    if _public(key.public_key()) != _public(found[0].public_key()):
        return fail(f"{path} is not the key of {certificates.ca_certificate}", "correct them")
    return ok(f"{path} is the key of {certificates.ca_certificate}")


def _certificates(path: str) -> list[x509.Certificate] | Result:
    try:
        return x509.load_pem_x509_certificates(Path(path).read_bytes())
    except ValueError:
        return fail(f"{path}: holds no certificate", "replace the file")


def _signed(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _public(key: Any) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return bytes(key.public_bytes(serialization.Encoding.DER, form))
