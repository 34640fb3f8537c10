"""``sriov-provider amphora``: the amphorae of all load balancers, and one of them in full."""

from __future__ import annotations

import argparse
import datetime
from typing import Any

from cliff.columns import FormattableColumn
from cliff.lister import Lister
from cliff.show import ShowOne

from sriov_provider import config
from sriov_provider.cmd import explain
from sriov_provider.db import overview
from sriov_provider.db.engine import Sessions
from sriov_provider.db.overview import Seen
from sriov_provider.db.types import utcnow
from sriov_provider.errors import Code, ProviderError
from sriov_provider.records import Inventory

_FEW = ("id", "load_balancer", "role", "state", "host", "management_ip")
_TIMES = ("heartbeat", "certificate_expires")
_MORE = ("compute_id", "vrrp_ip", "agent_version", "firewall_digest", "firewall_checked", "ports")
_UNITS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))


class When(FormattableColumn[Any]):  # type: ignore[misc]
    """A time, for a person as its distance from now; None for never."""

    def human_readable(self) -> str:
        return "" if self._value is None else distance(self._value, utcnow())

    def machine_readable(self) -> str | None:
        return None if self._value is None else str(self._value.isoformat(timespec="seconds"))


def distance(moment: datetime.datetime, now: datetime.datetime) -> str:
    """``3 min ago`` or ``in 3 min``: rounded down, in the largest unit of which there is one."""
    seconds = (moment - now).total_seconds()
    size, unit = next((u for u in _UNITS if abs(seconds) >= u[0]), (1.0, "s"))
    number = int(abs(seconds) / size)
    return f"in {number} {unit}" if seconds > 0 else f"{number} {unit} ago"


class List(Lister):  # type: ignore[misc]
    """List the amphorae on record."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("--lb", metavar="LB", help="only those of this load balancer")
        parser.add_argument("--host", help="only those on this compute host")
        parser.add_argument("--long", action="store_true", help="show more; json and yaml do")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Any, Any]:
        wanted = parsed_args.lb, parsed_args.host
        sessions = Sessions(config.settings(self.app.conf()).database_connection)
        try:
            found = sessions.read(lambda session: overview.amphorae(session, *wanted))
        finally:
            sessions.dispose()
        long = parsed_args.long or parsed_args.formatter in ("json", "yaml")
        names = _FEW + _TIMES + (_MORE if long else ())
        return names, [tuple(values(seen)[name] for name in names) for seen in found]


class Show(ShowOne):  # type: ignore[misc]
    """Show an amphora: what is on record, its ports, and its server as Nova shows it now."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("amphora", help="id of the amphora")
        parser.add_argument(
            "--no-cloud",
            dest="cloud",
            action="store_false",
            help="only what the provider's tables say: do not ask Nova",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Any, Any]:
        conf, wanted = self.app.conf(), parsed_args.amphora
        sessions = Sessions(config.settings(conf).database_connection)
        try:
            found = sessions.read(lambda session: overview.one(session, wanted))
        finally:
            sessions.dispose()
        if found is None:
            raise ProviderError(
                Code.NOT_FOUND,
                "There is no such amphora.",
                f"The provider's tables do not mention amphora {wanted}",
            )
        shown = page(*found)
        if parsed_args.cloud:
            shown |= server(conf, found[0])
        return tuple(shown), tuple(shown.values())


def values(seen: Seen) -> dict[str, Any]:
    """The row, by column."""
    row = {name: getattr(seen, name) for name in (*_FEW, *_MORE) if name != "load_balancer"}
    return row | {
        "load_balancer": seen.load_balancer_id,
        "heartbeat": When(seen.heartbeat),
        "certificate_expires": When(seen.certificate_expires),
        "firewall_checked": When(seen.firewall_checked),
    }


def page(seen: Seen, held: Inventory) -> dict[str, Any]:
    """The row in full, with the ports themselves."""
    row = values(seen)
    names = [name for name in (*_FEW, *_MORE, *_TIMES) if name != "ports"]
    return {name: row[name] for name in names} | {"ports": explain.ports(held, seen.id)}


def server(conf: Any, seen: Seen) -> dict[str, Any]:
    """What the compute driver tells of it; a server that moved says so by its host."""
    # Imports half of OpenStack: the other commands do without.
    from sriov_provider.cloud import Cloud
    from sriov_provider.compute import drivers

    shown: dict[str, Any] = {"server_status": None, "server_host": None, "image_id": None}
    if seen.compute_id is None:
        return shown
    try:
        found = drivers.build(conf, Cloud(conf)).get_server(seen.compute_id)
    except ProviderError as error:  # what is on record is worth showing all the same
        return shown | {"server_status": f"not known: {error.reason}"}
    if found is None:
        return shown | {"server_status": "gone"}
    return {"server_status": found.status, "server_host": found.host, "image_id": found.image_id}
