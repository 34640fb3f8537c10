"""``python -m tests.bench``: how the cost of a few operations grows with a load balancer.

Prints milliseconds for the reader and ratios for comparison: machines differ, ratios hardly do.
Applying needs root (a network namespace of its own is made for it); without, it is left out.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable

from tests.bench import balancers, documents

REPEATS = 5


def median(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """Median of a few runs in milliseconds, after one that does not count."""
    work()
    runs = []
    for _ in range(repeats):
        begin = time.perf_counter()
        work()
        runs.append((time.perf_counter() - begin) * 1000)
    return statistics.median(runs)


def line(name: str, cells: list[str]) -> None:
    print(f"{name:<34}" + "".join(f"{cell:>22}" for cell in cells), flush=True)


def table(title: str, sizes: tuple[int, ...], rows: dict[str, Callable[[int], object]]) -> None:
    """One row per operation; each cell: time, and time against that of the smallest size."""
    line(title, [f"{size:,}" for size in sizes])
    for name, work in rows.items():
        times = [median(lambda n=size, f=work: f(n)) for size in sizes]  # type: ignore[misc]
        line(name, [f"{t:9.2f} ms  x{t / times[0]:7.1f}" for t in times])
    print()


def main() -> int:
    """Always 0: nothing here is a limit."""
    table("plan, members", balancers.SIZES, balancers.ROWS)
    table("firewall, (port, CIDR) pairs", documents.SIZES, documents.ROWS)
    if os.geteuid() != 0:
        print("LEFT OUT: applying to the kernel needs root.")
        return 0
    with documents.namespace() as name:
        table("firewall, (port, CIDR) pairs", documents.SIZES, documents.kernel_rows(name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
