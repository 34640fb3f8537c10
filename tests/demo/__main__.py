"""``python -m tests.demo``: the whole cloud on one machine, and a story told on it.

This process stays outside: it installs what is missing, makes the namespaces, runs the demo inside
them and ends them again.
"""

from __future__ import annotations

import argparse
import dataclasses
import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO

from tests.demo import debian, usage
from tests.demo.settings import ROOT, Settings, from_environment
from tests.demo.world import World


@dataclasses.dataclass(frozen=True)
class Show:
    """A cloud and the story that is told on it.

    :ivar package: its ``inside`` runs within the namespaces
    :ivar tox: environment that runs it
    :ivar settings: of a run, from its command line
    :ivar providers: to choose from; empty where there is no choice
    """

    package: str
    tox: str
    settings: Callable[[argparse.Namespace], Settings]
    providers: tuple[str, ...] = ()

    def parse(self, arguments: list[str]) -> argparse.Namespace:
        """The command line."""
        parser = argparse.ArgumentParser(prog=f"python -m {self.package}", description=__doc__)
        parser.add_argument("--keep", action="store_true", help="leave the cloud up")
        parser.add_argument("--down", action="store_true", help="take down a cloud that was kept")
        parser.add_argument("--no-story", action="store_true", help="bring the cloud up, no more")
        parser.add_argument("--topology", choices=("SINGLE", "ACTIVE_STANDBY"), default="SINGLE")
        if self.providers:
            parser.add_argument("--provider", choices=self.providers, default=self.providers[0])
        return parser.parse_args(arguments)

    def inside(self, world: World, options: argparse.Namespace) -> int:
        """Runs the demo within the namespaces; its exit code."""
        arguments = [f"--topology={options.topology}", *["--no-story"] * options.no_story]
        if self.providers:
            arguments.append(f"--provider={options.provider}")
        env = dict(os.environ, PYTHONPATH=str(ROOT), SRIOV_DEMO_DIR=str(world.settings.state))
        command = world.enter(sys.executable, "-m", f"{self.package}.inside", *arguments)
        return subprocess.call(command, env=env)


DEMO = Show(
    "tests.demo",
    "demo",
    lambda options: from_environment(options.provider, options.topology),
    ("sriov", "amphora"),
)


def lock(settings: Settings) -> IO[str]:
    """One demo at a time in a state directory."""
    settings.state.mkdir(parents=True, exist_ok=True)
    file = (settings.state / "lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise SystemExit(f"another demo is running in {settings.state}") from None
    return file


def packages(settings: Settings) -> None:
    """Debian packages, when some are missing."""
    names = debian.missing()
    if not names:
        return
    log = settings.state / "apt.log"
    print(f"Installing Debian packages ({log}): {' '.join(names)}", flush=True)
    print("None of their services will be started.", flush=True)
    debian.install(names, log)


def down(world: World) -> bool:
    """Ends the namespaces and removes what belongs to a running cloud. False: a trace is left."""
    kinds = world.identity()
    world.stop()
    shutil.rmtree(world.settings.etc, ignore_errors=True)
    shutil.rmtree(world.settings.state / "bin", ignore_errors=True)
    left = world.left(kinds)
    if left:
        print(f"Left behind: processes {left}", file=sys.stderr)
    return not left


def run(show: Show, world: World, options: argparse.Namespace) -> int:
    """Up, the story, and down again unless the cloud is to be kept."""
    world.start(options.keep)
    code = 1
    try:
        code = show.inside(world, options)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        code = 130
    finally:
        keep = options.keep and code != 130
        if keep:
            print(usage.write(world.settings, show.tox))
        else:
            print("Taking everything down.", flush=True)
            clean = down(world)
            print(f"Logs: {world.settings.log}" if not clean or code else "Nothing is left behind.")
            code = code or int(not clean)
    return code


def interrupt(*_: object) -> None:
    """SIGTERM ends the demo as Ctrl-C does."""
    raise KeyboardInterrupt


def main(show: Show, arguments: list[str]) -> int:
    """The exit code: 0 only when every check held and nothing is left."""
    options = show.parse(arguments)
    if os.geteuid() != 0:
        print("The demo makes network namespaces and installs packages: run it as root.")
        return 2
    settings = show.settings(options)
    held = lock(settings)
    world = World(settings)
    signal.signal(signal.SIGTERM, interrupt)
    try:
        if options.down:
            print("Down." if world.pid() else "It is not up.")
            return 0 if down(world) else 1
        if world.pid():
            print(f"A demo is up already ({settings.state}); take it down first: --down")
            return 1
        packages(settings)
        return run(show, world, options)
    finally:
        held.close()


if __name__ == "__main__":
    os.chdir(Path("/"))
    sys.exit(main(DEMO, sys.argv[1:]))
