"""``python -m tests.bench.heartbeats``: our health manager beside the stock one.

The same datagrams, the same load balancers, one MariaDB server for both, rounds in turn. One
process each, so "per second" is per second and core. Then what a look of the failover policy costs.
Nothing here is a limit: machines differ, ratios and numbers of statements hardly do.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import sqlalchemy as sa

from tests.bench.calls.table import grid
from tests.bench.heartbeats import policy
from tests.bench.heartbeats.cost import Cost, Meter
from tests.bench.heartbeats.messages import SITUATIONS, Shape, datagrams
from tests.bench.heartbeats.ours import Ours
from tests.bench.heartbeats.stock import Stock
from tests.functional.db import servers

SERVER = ("--innodb-buffer-pool-size=1G", "--innodb-flush-log-at-trx-commit=2")
# Heartbeats written at once by ours: of 1,000 amphorae and of 5,000, in a second.
BATCHES = (100, 500)
# Of what Octavia hears of a heartbeat, the second and third part are the statistics' way.
_PARTS = (f"ours, {BATCHES[0]} at a time", "ours, worker: to Octavia", "ours, driver-agent")
_HEAD = ("load balancers", "heartbeats tell", "", "per s and core", "ratio", "statements each",
         "database us each")  # fmt: skip


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.heartbeats", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="of each measurement")
    parser.add_argument(
        "--balancers", type=int, default=500, metavar="N",
        help="small ones; and a tenth of it with ten listeners",
    )  # fmt: skip
    parser.add_argument(
        "--amphorae", type=int, nargs="*", default=[1000, 10_000, 100_000], metavar="N",
        help="numbers for the policy's look; none: leave it out",
    )  # fmt: skip
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    shapes = (
        Shape(0, options.balancers, 1, 2),
        Shape(options.balancers, options.balancers // 10, 10, 5),
    )
    with servers.mariadb(*SERVER) as server, tempfile.TemporaryDirectory() as home:
        _create(server, "provider", "octavia", "policy")
        meter = Meter(server)
        ours = Ours(server + "provider")
        stock = Stock(server + "octavia", Path(home))
        for shape in shapes:
            ours.fill(shape)
            stock.fill(shape)
        lines = _compare(meter, ours, stock, shapes, options.rounds)
        print(grid([_HEAD, *lines]), flush=True)
        if options.amphorae:
            print(_policy(Ours(server + "policy"), options.amphorae))
    return 0


def _compare(
    meter: Meter, ours: Ours, stock: Stock, shapes: Sequence[Shape], rounds: int
) -> Iterator[tuple[str, ...]]:
    sequence = 0
    for shape in shapes:
        for situation in SITUATIONS:
            costs: dict[str, list[Cost]] = {}
            for _ in range(rounds + 1):  # the first one is to get warm
                for name, cost in _round(meter, ours, stock, shape, situation, sequence):
                    costs.setdefault(name, []).append(cost)
                sequence += len(BATCHES)
            warm = {name: taken[1:] for name, taken in costs.items()}
            whole = [sum(parts, Cost()) for parts in zip(*(warm[n] for n in _PARTS), strict=True)]
            yield from _lines(shape, situation, {**warm, "ours, all in all": whole})


def _round(
    meter: Meter, ours: Ours, stock: Stock, shape: Shape, situation: str, sequence: int
) -> Iterator[tuple[str, Cost]]:
    for n, batch in enumerate(BATCHES):
        some = datagrams(shape, sequence + n, situation)
        with meter.measured() as cost:
            ours.hear(some, batch)
        yield f"ours, {batch} at a time", cost
        with meter.measured() as sending:
            told = ours.told()
        with meter.measured() as taking:
            stock.take(told)
        if n == 0:
            yield "ours, worker: to Octavia", sending
            yield "ours, driver-agent", taking
    with meter.measured() as cost:
        stock.hear(some)
    yield "stock", cost


def _lines(shape: Shape, situation: str, costs: dict[str, list[Cost]]) -> Iterator[tuple[str, ...]]:
    def median(name: str, what: str) -> float:
        return statistics.median(getattr(c, what) for c in costs[name]) / shape.number

    def mean(name: str, what: str) -> float:  # the clock of processes ticks 100 times a second
        return statistics.mean(getattr(c, what) for c in costs[name]) / shape.number

    whole = median("stock", "cpu")
    for name in costs:
        cpu, busy = median(name, "cpu"), median(name, "statements")
        yield (
            str(shape), situation, name, f"{1 / cpu:,.0f}" if busy else "-",
            f"{whole / cpu:.1f}" if busy else "-", f"{median(name, 'statements'):.2f}",
            f"{mean(name, 'database') * 1e6:.0f}",
        )  # fmt: skip


def _policy(ours: Ours, numbers: list[int]) -> str:
    head = ("amphorae", "what", "milliseconds", "rows touched")
    lines = [
        (f"{look.number:,}", look.what, f"{look.milliseconds:.1f}", f"{look.rows:,}")
        for look in policy.looks(ours.sessions, numbers)
    ]
    return "\n" + grid([head, *lines])


def _create(server: str, *names: str) -> None:
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for name in names:
            connection.execute(sa.text(f"CREATE DATABASE {name} CHARACTER SET utf8mb4"))
    engine.dispose()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
