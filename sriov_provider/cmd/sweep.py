"""``sriov-provider sweep``: what was left behind in the cloud, and what has gone from it."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from cliff.columns import FormattableColumn
from cliff.lister import Lister

from sriov_provider import config
from sriov_provider.db.engine import Sessions
from sriov_provider.records import ObjectType

_COLUMNS = ("finding", "kind", "id", "name", "age", "load_balancer", "why", "result")
_LEAKED, _MISSING = "leaked", "missing"
_BALANCER = ObjectType.LOADBALANCER
# What a failover makes anew.
_MADE_ANEW = ("server", "port")


class Age(FormattableColumn[Any]):  # type: ignore[misc]
    """Seconds, for a person in days and hours; None where nobody knows."""

    def human_readable(self) -> str:
        return "" if self._value is None else str(datetime.timedelta(seconds=self._value))


class Sweep(Lister):  # type: ignore[misc]
    """List what is ours in Neutron and Nova and on no record; delete it if told so."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("--load-balancer", metavar="LB", help="only what belongs to this one")
        parser.add_argument(
            "--older-than",
            type=_grace,
            metavar="SECONDS",
            help="leave younger things alone (default: [sriov_provider] sweep_grace)",
        )
        parser.add_argument(
            "--delete",
            action="store_true",
            help="delete what is leaked; without this nothing is changed",
        )
        parser.add_argument(
            "--no-octavia",
            dest="octavia",
            action="store_false",
            help="delete without asking Octavia whether it has a load balancer that is not on "
            "record",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Any, Any]:
        self.failed = 0
        with _sweeper(self.app.conf(), parsed_args) as sweeper:
            found = sweeper.find(parsed_args.load_balancer)
            if parsed_args.delete:
                rows = list(self._deleted(sweeper.delete(found.leaks)))
                forgotten = sweeper.tidy(parsed_args.load_balancer)
                if forgotten:
                    print(f"Gone, and forgotten: port {', '.join(forgotten)}", file=sys.stderr)
            else:
                rows = [_leak(leak, _would(leak)) for leak in found.leaks]
        rows += [_missing(held) for held in found.missing]
        if rows and not parsed_args.delete:
            print("Nothing was changed; --delete deletes what is leaked.", file=sys.stderr)
        return _COLUMNS, rows

    def _deleted(self, swept: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
        for one in swept:
            self.failed += not (one.done or one.wanted)
            yield _leak(one.leak, one.words)

    def run(self, parsed_args: argparse.Namespace) -> int:
        """:returns: 1 when something could not be deleted"""
        return int(super().run(parsed_args)) or int(self.failed > 0)


@contextlib.contextmanager
def _sweeper(conf: Any, parsed_args: argparse.Namespace) -> Iterator[Any]:
    # Imports half of OpenStack: the other commands do without.
    from sriov_provider.cloud import Cloud
    from sriov_provider.status.agent_client import AgentClient
    from sriov_provider.sweep.cloud import Belongings
    from sriov_provider.sweep.sweeper import Sweeper

    settings = config.settings(conf)
    sessions = Sessions(settings.database_connection)
    grace = parsed_args.older_than
    agent = AgentClient(settings.sockets, wait=0)
    try:
        yield Sweeper(
            sessions,
            Belongings(Cloud(conf)),
            settings.sweep_grace if grace is None else grace,
            settings.amphora.random_name_length,
            (lambda lb: agent.exists(_BALANCER, lb)) if parsed_args.octavia else None,
        )
    finally:
        sessions.dispose()


def _grace(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds, 0 or more")
    return value


def _leak(leak: Any, result: str) -> tuple[Any, ...]:
    one = leak.found
    age = Age(round(leak.age))
    return (_LEAKED, one.kind.value, one.id, one.name, age, leak.load_balancer_id, leak.why, result)


def _would(leak: Any) -> str:
    return f"stays: {leak.obstacle}" if leak.obstacle else "would be deleted"


def _missing(held: Any) -> tuple[Any, ...]:
    kind, name, owner = held.kind.value, held.name, held.load_balancer_id
    why = "on record, but not in the cloud"
    todo = "fail the load balancer over" if kind in _MADE_ANEW else "make the load balancer anew"
    return (_MISSING, kind, held.id, name, Age(None), owner, why, todo)
