"""``python -m tests.bench.firewall``: the firewall beside the stock provider's and none.

Needs root: it makes network namespaces. Prints tables; goals are printed beside, never asserted.
It fails when packets do not go where they should, for then times mean nothing.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path

from octavia.common import constants

from tests.bench.firewall import applies, flood, memory, packets, plot, report
from tests.bench.firewall.cases import FEW, MANY, SHAPES, Situation

NAME = "firewall-performance"
# What is applied: sizes, and once other prefix lengths.
_APPLIED = ((10, FEW), (1_000, FEW), (10_000, FEW), (10_000, MANY), (100_000, FEW))


def main(arguments: list[str] | None = None) -> int:
    """0 whatever the numbers are, 1 without root."""
    options = _options(arguments)
    if os.geteuid() != 0:
        print("LEFT OUT: network namespaces need root.")
        return 1
    applied = [(size, shape) for size, shape in _APPLIED if size <= options.elements]
    situations = [Situation(n, s) for s in SHAPES for n in packets.SIZES if n <= options.elements]
    lines = [*_told(_facts()), ""]
    measured = list(flood.measure(situations, options.passes))
    lines += [*_told(report.packet_table(measured)), ""]
    times = [applies.row(shape, size, options.seconds) for size, shape in applied]
    lines += [*_told(report.apply_table(times)), ""]
    used = [memory.row(shape, size) for size, shape in applied]
    lines += _told(report.memory_table(used))
    if options.write:
        text = "\n".join(lines) + "\n"
        options.write.mkdir(parents=True, exist_ok=True)
        (options.write / f"{NAME}.txt").write_text(text)
        (options.write / f"{NAME}.svg").write_text(plot.svg(report.charts(measured, times)))
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.bench.firewall", description=__doc__)
    parser.add_argument("--write", type=Path, metavar="DIR", help=f"write {NAME}.svg and .txt")
    parser.add_argument("--passes", type=int, default=flood.PASSES, help="through all cases")
    parser.add_argument(
        "--seconds", type=float, default=applies.SECONDS, help="for the applies of one size"
    )
    parser.add_argument(
        "--elements", type=int, default=100_000, help="leave out what has more pairs than that"
    )
    return parser.parse_args(arguments)


def _told(lines: Iterable[str]) -> list[str]:
    """The lines, printed."""
    known = list(lines)
    print(*known, "", sep="\n", flush=True)
    return known


def _facts() -> Iterator[str]:
    """Of the machine, in two lines."""
    cpu = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    nft = subprocess.run([constants.NFT_CMD, "--version"], capture_output=True, text=True).stdout
    processor = cpu[1] if cpu else platform.machine()
    yield f"Linux {platform.release()}, {processor}, {os.cpu_count()} CPUs"
    yield f"{nft.strip()}; Octavia {version('octavia')}; Python {platform.python_version()}"


if __name__ == "__main__":
    sys.exit(main())
