"""``sriov-provider explain``: what the provider holds for a load balancer, does and reports."""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import enum
import textwrap
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cliff.columns import FormattableColumn
from cliff.show import ShowOne
from sqlalchemy.orm import Session

from sriov_provider import config
from sriov_provider.cmd import dry_run, words
from sriov_provider.db import inventory, jobs, outbox, reasons
from sriov_provider.db.engine import Sessions
from sriov_provider.errors import Code, ProviderError
from sriov_provider.records import Inventory, Job, ReasonRecord

# Neither the id of the load balancer, which heads the page, nor documents of many lines.
_LEFT_OUT = frozenset({"load_balancer_id", "firewall_document", "objects"})
# Characters of a row, next to the column with the names.
_WIDTH = 96


@dataclasses.dataclass(frozen=True)
class State:
    """:ivar undelivered: batches of statuses that Octavia has not taken yet"""

    inventory: Inventory
    jobs: tuple[Job, ...]
    reasons: tuple[ReasonRecord, ...]
    undelivered: int


class Rows(FormattableColumn[Any]):  # type: ignore[misc]
    """A list of dicts, for a person as a paragraph each."""

    line: Callable[[Mapping[str, Any]], str] = staticmethod(words.line)

    def human_readable(self) -> str:
        return "\n".join(fold(self.line(row)) for row in self._value)


class Ports(Rows):
    """Rows of ports."""

    line = staticmethod(words.port)


class Jobs(Rows):
    """Rows of jobs."""

    line = staticmethod(words.job)


class Lines(FormattableColumn[Any]):  # type: ignore[misc]
    """A list of strings."""

    def human_readable(self) -> str:
        return "\n".join(fold(line) for line in self._value)


class Explain(ShowOne):  # type: ignore[misc]
    """Show the state, the open jobs, the last reasons and the plan for a load balancer."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("load_balancer", help="id of the load balancer")
        parser.add_argument(
            "--no-plan",
            dest="plan",
            action="store_false",
            help="leave out what would be done now: ask neither Octavia nor the cloud",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Any, Any]:
        conf = self.app.conf()
        sessions = Sessions(config.settings(conf).database_connection)
        try:
            state = sessions.read(lambda session: read(session, parsed_args.load_balancer))
            shown = columns(parsed_args.load_balancer, state)
            if parsed_args.plan:
                shown["plan"] = Lines(_plan(conf, sessions, parsed_args.load_balancer, state))
        finally:
            sessions.dispose()
        return tuple(shown), tuple(shown.values())


def read(session: Session, load_balancer_id: str) -> State:
    """Everything our tables say about a load balancer.

    :raises ProviderError: NOT_FOUND when they do not mention it
    """
    state = State(
        inventory.read(session, load_balancer_id),
        jobs.unfinished(session, load_balancer_id),
        reasons.of_load_balancer(session, load_balancer_id),
        outbox.undelivered(session, load_balancer_id),
    )
    if state == State(Inventory(None), (), (), 0):
        raise ProviderError(
            Code.NOT_FOUND,
            "There is no such load balancer.",
            f"The provider's tables do not mention load balancer {load_balancer_id}",
        )
    return state


def columns(load_balancer_id: str, state: State) -> dict[str, Any]:
    """The page as an ordered mapping of column to value."""
    record = state.inventory.load_balancer
    page: dict[str, Any] = {"id": load_balancer_id}
    if record is not None:
        page |= {
            "project_id": record.project_id,
            "vip_address": record.vip_address,
            "vip_port_id": record.vip_port_id,
            "vnic_type": record.vnic_type,
            "topology": record.topology,
            "server_group_id": record.server_group_id,
            "security_group_id": record.security_group_id,
        }
    return page | {
        "amphorae": _rows(state.inventory.amphorae),
        "ports": ports(state.inventory),
        "members": _rows(state.inventory.members),
        "jobs": Jobs([_row(job) for job in state.jobs]),
        "reasons": _rows(state.reasons),
        "undelivered_statuses": state.undelivered,
        "warnings": Lines(list(words.warnings(state.inventory.amphorae))),
    }


def _plan(conf: Any, sessions: Sessions, load_balancer_id: str, state: State) -> list[str]:
    try:
        return dry_run.steps(conf, sessions, load_balancer_id, state.inventory)
    except ProviderError as error:  # what our tables say is worth showing all the same
        return [f"not available: {error.reason}"]


def _rows(records: Iterable[Any]) -> Rows:
    return Rows([_row(record) for record in records])


def ports(held: Inventory, amphora_id: str | None = None) -> Ports:
    """The ports on record, of one amphora or of all, and who filters each."""
    flavor = held.load_balancer.flavor if held.load_balancer else {}
    wanted = [port for port in held.ports if amphora_id in (None, port.amphora_id)]
    return Ports([_row(p) | {"filtered_by": words.filtered_by(p, flavor)} for p in wanted])


def _row(record: Any) -> dict[str, Any]:
    names = [f.name for f in dataclasses.fields(record) if f.name not in _LEFT_OUT]
    return {name: _plain(getattr(record, name)) for name in names}


def _plain(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, datetime.datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def fold(line: str, width: int = _WIDTH) -> str:
    """Without a terminal that tells its width, cliff makes a table as wide as its widest row."""
    return textwrap.fill(
        line, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )
