"""``python -m tests.matrix [OPTION...]``: left out, loudly, without root.

Uses the cloud of the demo: one that was kept (``python -m tests.demo --keep``) as it is, or one
that is brought up for it and taken down after it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from tests.demo.__main__ import down, interrupt, lock, packages
from tests.demo.settings import ROOT, Settings, from_environment
from tests.demo.world import World

LEFT_OUT = """\
!!! LEFT OUT: the kill matrix makes network namespaces and runs a cloud; it needs root."""


def inside(settings: Settings, world: World, *arguments: str) -> int:
    """Runs the matrix within the cloud's namespaces; the exit code."""
    env = dict(os.environ, PYTHONPATH=str(ROOT), SRIOV_DEMO_DIR=str(settings.state))
    command = world.enter(sys.executable, "-m", "tests.matrix.inside", *arguments)
    return subprocess.call(command, env=env)


def alone(settings: Settings, world: World, arguments: list[str]) -> int:
    """With a cloud of its own."""
    packages(settings)
    world.start(keep=False)
    code = 130
    try:
        code = inside(settings, world, "--up", *arguments)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
    finally:
        clean = down(world)
        print(f"Logs: {settings.log}", flush=True)
    return code or int(not clean)


def main(arguments: list[str]) -> int:
    """The exit code."""
    if os.geteuid() != 0:
        print(LEFT_OUT, flush=True)
        return 0
    settings = from_environment()
    held = lock(settings)
    signal.signal(signal.SIGTERM, interrupt)
    try:
        world = World(settings)
        if world.pid():
            return inside(settings, world, *arguments)
        return alone(settings, world, arguments)
    finally:
        held.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
