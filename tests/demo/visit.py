"""Tests that are run inside of a demo cloud: left out, loudly, without root.

One that was kept (``python -m tests.demo --keep``) is used as it is; else one is brought up for
them and taken down after them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from tests.demo.__main__ import down, interrupt, lock, packages
from tests.demo.settings import ROOT, Settings, from_environment
from tests.demo.world import World


def visit(module: str, what: str, arguments: list[str]) -> int:
    """The exit code.

    :param module: run within the cloud's namespaces; ``--up`` asks it to bring the cloud up first
    :param what: name of the tests, for who has to do without them
    """
    if os.geteuid() != 0:
        text = "network namespaces are made and a cloud is run for them, which needs root."
        print(f"!!! LEFT OUT: {what}: {text}", flush=True)
        return 0
    settings = from_environment()
    held = lock(settings)
    signal.signal(signal.SIGTERM, interrupt)
    try:
        world = World(settings)
        if world.pid():
            return _inside(settings, world, module, *arguments)
        return _alone(settings, world, module, arguments)
    finally:
        held.close()


def _inside(settings: Settings, world: World, module: str, *arguments: str) -> int:
    env = dict(os.environ, PYTHONPATH=str(ROOT), SRIOV_DEMO_DIR=str(settings.state))
    return subprocess.call(world.enter(sys.executable, "-m", module, *arguments), env=env)


def _alone(settings: Settings, world: World, module: str, arguments: list[str]) -> int:
    """With a cloud of their own."""
    packages(settings)
    world.start(keep=False)
    code = 130
    try:
        code = _inside(settings, world, module, "--up", *arguments)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
    finally:
        clean = down(world)
        print(f"Logs: {settings.log}", flush=True)
    return code or int(not clean)
