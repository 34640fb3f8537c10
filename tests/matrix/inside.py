"""The matrix as it runs within the cloud's namespaces."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from openstack import exceptions

from tests.demo import cloud, stores
from tests.demo.conf.common import Section, ini
from tests.demo.report import DemoFailure, Report
from tests.demo.settings import LIVE, Settings, from_environment
from tests.matrix import outages, phases, results, table
from tests.matrix.operations import OPERATIONS
from tests.matrix.scenario import ALL, BY_DEFAULT, LEASE, Bench
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
        "retry_interval": 1,
        "firewall_check_interval": 0,
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
    parser.add_argument("-k", default="", help="part of OPERATION|POINT|FAULT")
    parser.add_argument("--results", type=here, help="written as it goes; what is in it is kept")
    parser.add_argument("--rst", type=here, help="write the table into this page")
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

    def operation(self, name: str) -> None:
        """All its scenarios, after one run that nothing disturbs."""
        reference = self.bench.undisturbed(OPERATIONS[name])
        self.report.say(f"{name}: undisturbed {reference.seconds:.1f} s")
        faults = self.wanted.fault or BY_DEFAULT
        found = [s for s in phases.scenarios(name, reference.trace, faults) if self.selected(s)]
        for scenario in found:
            if self.wanted.list:
                self.report.say(scenario.key)
                continue
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
        return self.wanted.k in scenario.key and (
            not self.wanted.phase or scenario.phase in self.wanted.phase
        )

    def end(self) -> int:
        """The table and the exit code."""
        if not self.shown:
            return 0
        lines = table.rows(self.shown, ALL)
        print(f"\n{table.text(lines)}\n{results.totals(self.shown)}", flush=True)
        if self.wanted.rst:
            table.write(self.wanted.rst, lines, results.totals(self.shown))
        return int(any(r.verdict != results.OK for r in self.shown))


def main(arguments: list[str]) -> int:
    """0 when all is well."""
    wanted, settings = options(arguments), from_environment()
    code = 1
    try:
        if wanted.up:
            cloud.Cloud(settings, Report()).up()
        with bench(settings) as made:
            matrix = Matrix(made, wanted)
            try:
                for name in wanted.operation or OPERATIONS:
                    matrix.operation(name)
            finally:
                code = matrix.end()
    except (DemoFailure, exceptions.SDKException) as error:
        print(f"\nThe matrix failed: {error}", flush=True)
        code = 1
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
