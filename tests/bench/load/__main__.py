"""``python -m tests.bench.load``: what a worker costs while load balancers become many.

One real worker, one real MariaDB; compute, network and agents are records, and a stand-in speaks
the driver-agent's protocol. All amphorae send heartbeats, all firewalls are looked at. Nothing here
is a limit: machines differ, numbers of statements do not.
"""

from __future__ import annotations

import argparse
import socket
import sys
import time

from tests.bench.calls.table import grid
from tests.bench.load import measure, world
from tests.bench.load.beats import Beats
from tests.bench.load.measure import Built, Cost

# More than a heartbeat interval.
ROUND = 12.0


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.load", description=__doc__)
    parser.add_argument(
        "--points", type=int, nargs="+", default=[10, 100, 1000], metavar="N",
        help="numbers of load balancers at which is measured",
    )  # fmt: skip
    parser.add_argument("--repeats", type=int, default=5, metavar="N", help="of each operation")
    parser.add_argument(
        "--churn", type=int, default=0, metavar="N",
        help="times that 50 more are built and deleted: memory must not go on growing",
    )  # fmt: skip
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    options, port = parse(arguments), _free_port()
    built: dict[int, Built] = {}
    costs: dict[int, dict[str, Cost]] = {}
    idle: dict[int, tuple[dict[str, float], float]] = {}
    with world.running(port) as here:
        beats = Beats(here.users.sessions, here.octavia, port, world.HEARTBEAT_KEY)
        beats.start()
        measure.operations(here, 1)  # imports, caches, connections
        there = 0
        for point in options.points:
            built[point] = measure.build(here, point - there)
            there = point
            print(f"{time.strftime('%X')} {point} load balancers", flush=True)
            costs[point] = measure.operations(here, options.repeats)
            idle[point] = measure.rounds(here, ROUND)
        memory = [world.memory(here.pid)]
        memory += [measure.churn(here, 50) for _ in range(options.churn)]
        beats.stop()
    print(_report(built, costs, idle))
    for rss, pss in memory:
        print(f"Memory at the end: {rss:.0f} MiB RSS, {pss:.0f} MiB PSS")
    return 0


def _report(
    built: dict[int, Built],
    costs: dict[int, dict[str, Cost]],
    idle: dict[int, tuple[dict[str, float], float]],
) -> str:
    tables = (
        ("Statements of an operation", _operations(costs, "statements", "{:g}")),
        ("Seconds of an operation", _operations(costs, "seconds", "{:.2f}")),
        ("Building them, all asked for at once", _building(built)),
        ("Statements per second of rounds", _rounds(idle)),
    )
    return "\n\n".join(f"{title}\n\n{table}" for title, table in tables)


def _operations(costs: dict[int, dict[str, Cost]], what: str, form: str) -> str:
    points = list(costs)
    lines = [("load balancers", *(f"{p:,}" for p in points), "last / first")]
    for name in costs[points[0]]:
        values = [getattr(costs[p][name], what) for p in points]
        ratio = f"{values[-1] / values[0]:.2f}"
        lines.append((name, *(form.format(v) for v in values), ratio))
    return grid(lines)


def _building(built: dict[int, Built]) -> str:
    head = ("load balancers", "built", "per minute", "CPU s each", "RSS MiB", "PSS MiB")
    lines = [
        (f"{point:,}", f"{b.number:,}", f"{60 * b.number / b.seconds:.0f}",
         f"{b.cpu / b.number:.2f}", f"{b.rss:.0f}", f"{b.pss:.0f}")
        for point, b in built.items()
    ]  # fmt: skip
    return grid([head, *lines])


def _rounds(idle: dict[int, tuple[dict[str, float], float]]) -> str:
    points = list(idle)
    names = sorted({name for rates, _ in idle.values() for name in rates})
    lines = [("load balancers", *(f"{p:,}" for p in points))]
    lines += [(n, *(f"{idle[p][0].get(n, 0):.1f}" for p in points)) for n in names]
    lines += [("share of a core", *(f"{idle[p][1]:.2f}" for p in points))]
    return grid(lines)


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
