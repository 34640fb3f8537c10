"""``sriov-provider db``: the schema of the provider's database."""

from __future__ import annotations

import argparse
from typing import Any

from cliff.command import Command
from cliff.show import ShowOne

from sriov_provider import config


class Upgrade(Command):  # type: ignore[misc]
    """Create the provider's tables, or bring them up to date."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("revision", nargs="?", default="head", help="default: the newest")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        _migrate().upgrade(_url(self.app), parsed_args.revision)


class Downgrade(Command):  # type: ignore[misc]
    """Take the provider's tables back to an older revision; data of newer ones is lost."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("revision", help="a revision, or base to remove every table")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        _migrate().downgrade(_url(self.app), parsed_args.revision)


class Current(ShowOne):  # type: ignore[misc]
    """Show the revision of the provider's tables and the newest one there is."""

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Any, Any]:
        migrate = _migrate()
        return ("current", "newest"), (migrate.current(_url(self.app)), migrate.head())


def _migrate() -> Any:
    """Alembic, which the other commands do without: a worker would keep it in memory for ever."""
    from sriov_provider.db import migrate

    return migrate


def _url(app: Any) -> str:
    return config.settings(app.conf()).database_connection
