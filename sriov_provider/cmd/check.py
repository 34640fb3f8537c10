"""``sriov-provider check``: whether everything a worker needs is there."""

from __future__ import annotations

import argparse
import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from cliff.columns import FormattableColumn
from cliff.lister import Lister

from sriov_provider import config
from sriov_provider.cmd import explain
from sriov_provider.cmd.checks import model
from sriov_provider.cmd.checks.model import Verdict

_SECRETS = (
    ("service_auth", "password"),
    ("neutron", "password"),
    ("service_auth", "application_credential_secret"),
    ("certificates", "ca_private_key_passphrase"),
    ("health_manager", "heartbeat_key"),
)


class Text(FormattableColumn[Any]):  # type: ignore[misc]
    """A sentence, for a person on several lines."""

    def human_readable(self) -> str:
        return explain.fold(self._value, 60)


class Check(Lister):  # type: ignore[misc]
    """Check configuration, certificates, services, image, agents and heartbeats."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument(
            "--timeout",
            type=_seconds,
            default=20.0,
            metavar="SECONDS",
            help="how long to wait for what does not answer (default: %(default)s)",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Any, Any]:
        conf = config.parse(self.app.config_files)
        # Alembic tells of its plugins; what the bus says is in the table.
        with _quiet("alembic", "sriov_provider.rpc"):
            results = model.run(_every(conf), parsed_args.timeout)
        self.failed = any(result.verdict is Verdict.FAIL for _, result in results)
        secrets = tuple(_secrets(conf))
        rows = [
            (name, r.verdict.value, Text(model.hide(r.detail, secrets)), Text(r.advice))
            for name, r in results
        ]
        return ("check", "verdict", "detail", "todo"), rows

    def run(self, parsed_args: argparse.Namespace) -> int:
        """:returns: 1 when something failed"""
        return int(super().run(parsed_args)) or int(self.failed)


def _every(conf: Any) -> list[model.Check]:
    # Imports half of OpenStack: the other commands do without.
    from sriov_provider.cmd.checks import amphorae, files, heartbeats, services

    settings = config.settings(conf)
    by_settings = (services, heartbeats, amphorae)
    return [*files.checks(conf), *(c for m in by_settings for c in m.checks(settings))]


@contextlib.contextmanager
def _quiet(*names: str) -> Iterator[None]:
    """These say nothing but errors meanwhile."""
    before = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is no time to wait")
    return value


def _secrets(conf: Any) -> Iterator[str]:
    """What must not be shown, even where a library quotes it."""
    raw = _raw(conf)
    for group, name in _SECRETS:
        yield from raw.get(group, {}).get(name, [])
    yield from raw.get("certificates", {}).get("server_certs_key_passphrase", [])
    urls = raw.get("DEFAULT", {}).get("transport_url", [])
    for url in (conf[config.GROUP].database_connection, *urls):
        yield url if "@" in url else ""
        yield _password(url)


def _password(url: str) -> str:
    try:
        return str(sa.make_url(url.split(",")[0]).password or "")
    except sa.exc.ArgumentError:
        return ""


def _raw(conf: Any) -> dict[str, dict[str, list[str]]]:
    """The files as they are written: the values' options are not all known here."""
    from oslo_config import iniparser

    found: dict[str, dict[str, list[str]]] = {}

    class Reader(iniparser.BaseParser):  # type: ignore[misc]
        section = "DEFAULT"

        def assignment(self, key: str, value: list[str]) -> None:
            found.setdefault(self.section, {}).setdefault(key, []).append("\n".join(value))

        def new_section(self, section: str) -> None:
            self.section = section

    for path in conf.default_config_files or ():
        with Path(path).open(encoding="utf-8") as file:
            Reader().parse(file)
    return found
