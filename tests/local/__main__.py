"""``python -m tests.local``: Keystone, Neutron and Octavia on one machine, and amphorae beside
them.

This process stays outside: it installs what is missing, makes the namespaces, runs the demo inside
them and ends them again.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.demo import __main__ as demo
from tests.demo import usage
from tests.demo.settings import ROOT
from tests.demo.world import World
from tests.local.settings import from_environment


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.local", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the cloud up")
    parser.add_argument("--down", action="store_true", help="take down a cloud that was kept")
    parser.add_argument("--no-story", action="store_true", help="bring the cloud up, no more")
    parser.add_argument("--topology", choices=("SINGLE", "ACTIVE_STANDBY"), default="SINGLE")
    return parser.parse_args(arguments)


def inside(world: World, options: argparse.Namespace) -> int:
    """Runs the demo within the namespaces; its exit code."""
    arguments = [f"--topology={options.topology}", *["--no-story"] * options.no_story]
    env = dict(os.environ, PYTHONPATH=str(ROOT), SRIOV_DEMO_DIR=str(world.settings.state))
    command = world.enter(sys.executable, "-m", "tests.local.inside", *arguments)
    return subprocess.call(command, env=env)


def run(world: World, options: argparse.Namespace) -> int:
    """Up, the story, and down again unless the cloud is to be kept."""
    world.start(options.keep)
    code = 1
    try:
        code = inside(world, options)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        code = 130
    if options.keep and code != 130:
        print(usage.write(world.settings).replace("tox -e demo ", "tox -e demo-local "))
        return code
    clean = demo.down(world)
    print(f"Logs: {world.settings.log}" if not clean or code else "Nothing is left behind.")
    return code or int(not clean)


def main(arguments: list[str]) -> int:
    """The exit code: 0 only when every check held and nothing is left."""
    options = parse(arguments)
    if os.geteuid() != 0:
        print("The demo makes network namespaces and installs packages: run it as root.")
        return 2
    settings = from_environment(options.topology)
    held = demo.lock(settings)
    world = World(settings)
    signal.signal(signal.SIGTERM, demo.interrupt)
    try:
        if options.down:
            print("Down." if world.pid() else "It is not up.")
            return 0 if demo.down(world) else 1
        if world.pid():
            print(f"A demo is up already ({settings.state}); take it down first: --down")
            return 1
        demo.packages(settings)
        return run(world, options)
    finally:
        held.close()


if __name__ == "__main__":
    os.chdir(Path("/"))
    sys.exit(main(sys.argv[1:]))
