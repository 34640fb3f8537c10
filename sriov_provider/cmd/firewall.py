"""``sriov-provider firewall show``: whom the amphorae of a load balancer let in, and how many."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from cliff.show import ShowOne
from sqlalchemy.orm import Session

from sriov_provider import config
from sriov_provider.amphora.base import Endpoint, FirewallState
from sriov_provider.cmd import explain, firewall_page
from sriov_provider.cmd.firewall_page import Told
from sriov_provider.db import firewall_checks, inventory
from sriov_provider.db.engine import Sessions
from sriov_provider.errors import Code, ProviderError, Reason
from sriov_provider.records import AmphoraRecord, Inventory

Ask = Callable[[Endpoint], FirewallState]


class _Several(explain.Rows):
    """Rows of possibly several amphorae: which one is told only where there are several."""

    words: Callable[[Mapping[str, Any]], str]

    def human_readable(self) -> str:
        several = len({row["amphora_id"] for row in self._value}) > 1
        return "\n".join(explain.fold(self._line(row, several)) for row in self.shown())

    def shown(self) -> list[dict[str, Any]]:
        """The rows a person sees."""
        return list(self._value)

    def _line(self, row: Mapping[str, Any], several: bool) -> str:
        line = type(self).words(row)
        return f"{line}; amphora {row['amphora_id']}" if several else line


class Amphorae(explain.Rows):
    """Rows of amphorae."""

    line = staticmethod(firewall_page.amphora_line)


class Interfaces(_Several):
    """Rows of interfaces."""

    words = staticmethod(firewall_page.interface_line)


class Listeners(_Several):
    """Rows of listeners."""

    words = staticmethod(firewall_page.listener_line)


class Drops(_Several):
    """Rows of drop reasons; for a person those alone that were met."""

    words = staticmethod(firewall_page.drop_line)

    def shown(self) -> list[dict[str, Any]]:
        return [row for row in self._value if row["packets"]]

    def human_readable(self) -> str:
        return super().human_readable() or ("nothing" if self._value else "not known")


class Show(ShowOne):  # type: ignore[misc]
    """Show the firewall of a load balancer's amphorae: rules, counters and drift."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("load_balancer", help="id of the load balancer")
        parser.add_argument(
            "--no-agents",
            dest="agents",
            action="store_false",
            help="only what is on record: ask no amphora",
        )
        parser.add_argument(
            "--timeout",
            type=_seconds,
            default=5.0,
            metavar="SECONDS",
            help="how long an agent may take to connect, and to answer (default: %(default)s)",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Any, Any]:
        settings = config.settings(self.app.conf())
        sessions = Sessions(settings.database_connection)
        try:
            held, told = sessions.read(lambda s: read(s, parsed_args.load_balancer))
        finally:
            sessions.dispose()
        if parsed_args.agents:
            told = ask_all(told, agents(self.app.config_files, parsed_args.timeout))
        shown = columns(parsed_args.load_balancer, held, told)
        return tuple(shown), tuple(shown.values())


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is no time to wait")
    return value


def read(session: Session, load_balancer_id: str) -> tuple[Inventory, tuple[Told, ...]]:
    """What is on record.

    :raises ProviderError: NOT_FOUND when nothing is
    """
    held = inventory.read(session, load_balancer_id)
    if held.load_balancer is None and not held.amphorae:
        raise ProviderError(
            Code.NOT_FOUND,
            "There is no such load balancer.",
            f"The provider's tables do not mention load balancer {load_balancer_id}",
        )
    watched = {w.amphora_id: w for w in firewall_checks.watched(session, load_balancer_id)}
    return held, tuple(Told(a, watched.get(a.id)) for a in held.amphorae)


def agents(config_files: tuple[str, ...], timeout: float) -> Ask:
    """Asks an agent, once.

    :param timeout: seconds to connect, and for the answer
    """
    # Imports half of OpenStack: the other commands do without.
    from sriov_provider.amphora import octavia_config, octavia_rest, security_group

    octavia_config.init(config_files)
    client = octavia_rest.Agents()
    return lambda endpoint: security_group.read(client, endpoint, patience=(timeout, timeout))


def ask_all(told: Iterable[Told], ask: Ask) -> tuple[Told, ...]:
    """All amphorae that have an address, at the same time."""
    every = tuple(told)
    with ThreadPoolExecutor(max(len(every), 1)) as threads:
        answers = threads.map(lambda t: _ask(t.record, ask), every)
        return tuple(
            Told(t.record, t.watched, answer) for t, answer in zip(every, answers, strict=True)
        )


def _ask(record: AmphoraRecord, ask: Ask) -> FirewallState | Reason | None:
    if not record.management_ip:
        return None
    try:
        return ask(Endpoint(record.id, record.management_ip))
    except ProviderError as error:  # what is on record is worth showing all the same
        return error.reason


def columns(load_balancer_id: str, held: Inventory, told: Iterable[Told]) -> dict[str, Any]:
    """The page as an ordered mapping of column to value."""
    every = tuple(told)
    return {
        "id": load_balancer_id,
        "vip_addresses": explain.Lines(
            list(held.load_balancer.vip_addresses()) if held.load_balancer else []
        ),
        "amphorae": Amphorae([firewall_page.amphora(t) for t in every]),
        "interfaces": Interfaces([r for t in every for r in firewall_page.interfaces(held, t)]),
        "listeners": Listeners([r for t in every for r in firewall_page.listeners(t)]),
        "drops": Drops([r for t in every for r in firewall_page.drops(t)]),
    }
