"""``sriov-provider capacity``: VFs by physical network and host, and the failovers they allow."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from cliff.columns import FormattableColumn
from cliff.lister import Lister

from sriov_provider.capacity import report
from sriov_provider.capacity.model import Failover, Need, Report, Row, Verdict
from sriov_provider.cmd import survey

_COUNTS = ("total", "free", "vip", "member", "wanted", "releasing", "leaked", "others")


class Known(FormattableColumn[Any]):  # type: ignore[misc]
    """A value, for a person with a question mark where it is not known."""

    def human_readable(self) -> str:
        return "?" if self._value is None else str(self._value)


class Sentences(FormattableColumn[Any]):  # type: ignore[misc]
    """A list of strings, for a person one line each."""

    def human_readable(self) -> str:
        return "\n".join(self._value)


class _Command(Lister):  # type: ignore[misc]
    """What both lists are told, and say beside their rows."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("--physnet", help="only this physical network")
        parser.add_argument("--host", help="only this compute host")
        parser.add_argument(
            "--no-cloud",
            dest="cloud",
            action="store_false",
            help="only what the provider's tables say: ask neither Neutron, Nova nor Placement",
        )
        return parser

    def look(self, parsed_args: argparse.Namespace) -> Report:
        """The report, with its summary on stderr."""
        found = survey.look(self.app.conf(), parsed_args.cloud)
        found = report.only(found, parsed_args.physnet, parsed_args.host)
        print("\n".join(summary(found)), file=sys.stderr)
        return found


class Capacity(_Command):
    """List the VFs of each physical network and host: how many, whose, how many are free."""

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Any, Any]:
        rows = self.look(parsed_args).rows
        machine = parsed_args.formatter in ("json", "yaml")
        names = ("physnet", "host", *_COUNTS, "trouble") + (("unknown",) if machine else ())
        return names, [_row(row)[: len(names)] for row in rows]


class Failovers(_Command):
    """List the load balancers that have VFs, and whether each can be failed over now."""

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Any, Any]:
        found = self.look(parsed_args).failovers
        names = ("load_balancer", "failover", "strategy", "amphorae", "hosts", "reason")
        return names, [_failover(failover) for failover in found]


def summary(found: Report) -> Iterator[str]:
    """How many failovers are possible, which are not, and everything that is not known."""
    counts = ", ".join(f"{n} {v.value}" for v, n in report.count(found).items())
    yield f"Failovers of load balancers with VFs, one at a time: {counts}"
    for physnet in sorted({p for f in found.failovers for n in f.needs for p in n.vfs if p}):
        counts = ", ".join(f"{n} {v.value}" for v, n in report.count(found, physnet).items())
        yield f"  {physnet}: {counts}"
    for failover in found.failovers:
        if failover.verdict is Verdict.IMPOSSIBLE:
            yield f"No failover of {failover.load_balancer_id}: {failover.why}"
    yield from (f"Not known: {sentence}" for sentence in report.sentences(found))


def _row(row: Row) -> tuple[Any, ...]:
    counts = (Known(getattr(row, name)) for name in _COUNTS)
    return (
        Known(row.physnet),
        Known(row.host),
        *counts,
        Sentences(list(row.troubles)),
        Sentences([str(gap) for gap in row.unknown]),
    )


def _failover(failover: Failover) -> tuple[Any, ...]:
    return (
        failover.load_balancer_id,
        failover.verdict.value,
        "release_first" if failover.release_first else "build_first",
        Needs(list(_needs(failover.needs))),
        Sentences(list(failover.hosts)),
        failover.why,
    )


class Needs(FormattableColumn[Any]):  # type: ignore[misc]
    """What each amphora takes, for a person as ``host: 2 x physnet1``."""

    def human_readable(self) -> str:
        lines = []
        for need in self._value:
            vfs = ", ".join(f"{v['count']} x {v['physnet'] or '?'}" for v in need["vfs"])
            lines.append(f"{need['host'] or '?'}: {vfs}")
        return "\n".join(lines)


def _needs(needs: Iterable[Need]) -> Iterator[dict[str, Any]]:
    for need in needs:
        vfs = [{"physnet": p, "count": n} for p, n in sorted(need.vfs.items(), key=str)]
        yield {"amphora_id": need.amphora_id, "host": need.host, "vfs": vfs}
