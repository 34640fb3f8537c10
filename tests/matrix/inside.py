"""The matrix as it runs within the cloud's namespaces."""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from openstack import exceptions

from tests.demo import cloud, stores
from tests.demo.conf.common import Section, ini
from tests.demo.report import DemoFailure, Report
from tests.demo.settings import LIVE, Settings, from_environment
from tests.matrix import outages, phases, results, table
from tests.matrix.operations import OPERATIONS, OPPOSITES
from tests.matrix.scenario import ALL, BY_DEFAULT, LEASE, Bench, Reference
from tests.matrix.stage import Stage
from tests.matrix.watcher import Watcher
from tests.matrix.workers import Workers

# Short leases and pauses, so that a scenario takes seconds; the worker is ours alone.
CONFIGURATION: dict[str, Section] = {
    "driver_agent": {"enabled_provider_agents": ""},
    "sriov_provider": {
        "lease_seconds": LEASE,
        "poll_interval": 0.5,
        "outbox_interval": 0.5,
        "retry_interval": 2,
        "firewall_check_interval": 3,
        "heartbeat_bind": "",
    },
}


def here(name: str) -> Path:
    """A file as the caller means it: entering the namespaces has changed the directory."""
    return Path(os.environ.get("PWD", "/"), name)


def options(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.matrix", description=__doc__)
    parser.add_argument("--up", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--operation", action="append", choices=OPERATIONS, help="may be repeated")
    parser.add_argument("--fault", action="append", choices=ALL, help="may be repeated")
    parser.add_argument("--phase", action="append", choices=phases.PHASES, help="may be repeated")
    parser.add_argument(
        "-k", action="append", help="part of OPERATION|POINT|FAULT; may be repeated"
    )
    parser.add_argument("--results", type=here, help="written as it goes; what is in it is kept")
    parser.add_argument("--rst", type=here, help="complete the table of this page")
    parser.add_argument("--show", action="store_true", help="what is in the results, no more")
    parser.add_argument("--list", action="store_true", help="the scenarios, no more")
    return parser.parse_args(arguments)


@contextmanager
def bench(settings: Settings) -> Iterator[Bench]:
    """Workers of our own in place of the driver-agent's, until the end."""
    directory = settings.etc / "octavia"
    more = directory / "matrix.conf"
    more.write_text(ini(CONFIGURATION))
    stores.sql(outages.DURABLE)
    outages.repair()
    outages.restart_driver_agent(str(more))
    watcher = Watcher(LIVE / "matrix.sock")
    workers = Workers(settings, LIVE / "matrix.sock", (directory / "octavia.conf", more))
    try:
        workers.exactly(1)
        stage = Stage(settings)
        yield Bench(stage, workers, watcher)
        workers.exactly(1)
        stage.close()
    finally:
        outages.repair()
        workers.close()
        outages.restart_driver_agent()


class Matrix:
    """A run of it."""

    def __init__(self, bench: Bench, wanted: argparse.Namespace) -> None:
        self.bench, self.wanted, self.report = bench, wanted, Report()
        self.known = results.load(wanted.results)
        self.shown: list[results.Result] = []

    def run(self, operations: Iterable[str]) -> None:
        """All scenarios; those of operations that undo each other take turns."""
        for group in groups(operations):
            found = [self.scenarios(name) for name in group]
            for turn in itertools.zip_longest(*found):
                for scenario, reference in filter(None, turn):
                    self.scenario(scenario, reference)

    def scenarios(self, name: str) -> list[tuple[phases.Scenario, Reference]]:
        """Of one operation, after one run that nothing disturbs."""
        operation, faults = OPERATIONS[name], self.wanted.fault or BY_DEFAULT
        faults = [f for f in faults if not operation.faults or f in operation.faults]
        if not faults:
            return []
        reference = self.bench.undisturbed(operation)
        self.report.say(f"{name}: undisturbed {reference.seconds:.1f} s")
        found = phases.scenarios(name, reference.trace, faults)
        return [(s, reference) for s in found if self.selected(s)]

    def scenario(self, scenario: phases.Scenario, reference: Reference) -> None:
        """One, unless it is known what comes of it."""
        if self.wanted.list:
            self.report.say(scenario.key)
            return
        result = self.known.get(scenario.key)
        if result is None:
            began = time.monotonic()
            result = self.bench.run(scenario, reference)
            results.append(self.wanted.results, result)
            took = f"{time.monotonic() - began:.0f} s in all"
            self.report.say(f"{scenario.key}: {result.verdict} {result.seconds} s ({took})")
            if result.detail:
                self.report.seen(result.detail[:2000])
        self.shown.append(result)

    def selected(self, scenario: phases.Scenario) -> bool:
        """Whether the command line asks for it."""
        named = not self.wanted.k or any(part in scenario.key for part in self.wanted.k)
        return named and (not self.wanted.phase or scenario.phase in self.wanted.phase)


def end(shown: Sequence[results.Result], page: Path | None) -> int:
    """The table and the exit code."""
    if not shown:
        return 0
    lines = table.rows(shown, ALL, tuple(OPERATIONS))
    print(f"\n{table.text(lines)}\n{results.totals(shown)}", flush=True)
    if page:
        whole = table.completed(table.read(page), shown)
        table.write(page, table.rows(whole, ALL, tuple(OPERATIONS)), results.totals(whole))
    return int(any(r.verdict != results.OK for r in shown))


def groups(operations: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """Operations that undo each other together, the others alone."""
    left = dict.fromkeys(operations)
    while left:
        first = next(iter(left))
        group = next((g for g in OPPOSITES if first in g), (first,))
        yield tuple(name for name in group if name in left)
        left = {name: None for name in left if name not in group}


def main(arguments: list[str]) -> int:
    """0 when all is well."""
    wanted, settings = options(arguments), from_environment()
    if wanted.show:
        return end(list(results.load(wanted.results).values()), wanted.rst)
    code = 1
    try:
        if wanted.up:
            cloud.Cloud(settings, Report()).up()
        with bench(settings) as made:
            matrix = Matrix(made, wanted)
            try:
                matrix.run(wanted.operation or OPERATIONS)
            finally:
                code = end(matrix.shown, wanted.rst)
    except (DemoFailure, exceptions.SDKException) as error:
        print(f"\nThe matrix failed: {error}", flush=True)
        code = 1
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
