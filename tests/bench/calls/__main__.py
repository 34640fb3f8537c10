"""``python -m tests.bench.calls``: our provider against the stock one, on the same cloud.

Wall time, calls to Neutron and Nova by each operation, and the memory of the workers. By default
servers are records only (no agent, nothing boots); ``--agents`` measures with real agents, and a
failover of a load balancer one of whose amphorae has fallen silent. Nothing here is a limit:
machines differ, ratios and numbers of calls hardly do.

Uses the demo's cloud; one that is up (``python -m tests.demo --no-story --keep``) is used, and some
of its services are exchanged.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from tests.demo import __main__ as demo
from tests.demo import usage
from tests.demo.settings import ROOT, from_environment
from tests.demo.world import World


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line; ``inside`` reads the same."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.calls", description=__doc__)
    parser.add_argument("--agents", action="store_true", help="real agents in namespaces")
    parser.add_argument("--runs", type=int, default=3, metavar="N", help="lives per provider")
    parser.add_argument(
        "--operations", type=int, default=100, metavar="N", help="before memory is read; 0: skip"
    )
    parser.add_argument("--topology", choices=("SINGLE", "ACTIVE_STANDBY"), default="SINGLE")
    parser.add_argument("--only", choices=("sriov", "amphora"), help="one provider")
    parser.add_argument(
        "--shipped", action="store_true", help="waits as Octavia ships them, not a second each"
    )
    parser.add_argument("--calls", action="store_true", help="print every call")
    parser.add_argument("--keep", action="store_true", help="leave the cloud up")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """The exit code: 0 when every operation ended as it should."""
    options = parse(arguments)
    if os.geteuid() != 0:
        print("The demo's cloud makes network namespaces: run this as root.")
        return 2
    settings = from_environment()
    with demo.lock(settings):
        world = World(settings)
        was_up = world.pid() is not None
        if not was_up:
            demo.packages(settings)
            world.start(keep=options.keep)
        try:
            env = dict(os.environ, PYTHONPATH=str(ROOT), SRIOV_DEMO_DIR=str(settings.state))
            command = world.enter(sys.executable, "-m", "tests.bench.calls.inside", *arguments)
            return subprocess.call(command, env=env)
        finally:
            if options.keep:
                print(usage.write(settings, demo.DEMO.tox))
            elif not was_up:
                demo.down(world)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
