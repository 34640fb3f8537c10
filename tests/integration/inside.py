"""The tests as they run within the cloud's namespaces."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from openstack import exceptions

from tests.demo import bootstrap, cloud, diagnosis, leftovers, story
from tests.demo.report import DemoFailure, Report, wait_for
from tests.demo.settings import ROOT, Settings, from_environment

HERE = Path(__file__).resolve().parent
# Tests side by side; each has its own physical network (settings.PFS), network and flavors.
WORKERS = int(os.environ.get("SRIOV_INTEGRATION_WORKERS", "4"))
NO_TESTS = 5


def pytest(*arguments: str) -> int:
    """Runs pytest with the conftest.py of this directory only; its exit code."""
    command = [sys.executable, "-m", "pytest", "-q", "--rootdir", str(ROOT)]
    command += ["-c", str(ROOT / "pyproject.toml"), f"--confcutdir={HERE}", "--durations=0"]
    env = dict(os.environ, PYTHONDONTWRITEBYTECODE="1")
    code = subprocess.call(
        [*command, "-p", "no:cacheprovider", *arguments, str(HERE)], cwd="/", env=env
    )
    return 0 if code == NO_TESTS else code


def side_by_side(marks: str, arguments: list[str]) -> int:
    """Tests which disturb nobody together, then the others one by one."""
    which = f"({marks}) and " if marks else ""
    together = pytest("-n", str(WORKERS), "-m", f"{which}not alone", *arguments)
    return pytest("-m", f"{which}alone", *arguments) or together


def tests(settings: Settings, marks: str, arguments: list[str]) -> int:
    """All tests with the marks; afterwards nothing may be there that was not there before."""
    api = bootstrap.connect(settings)
    before = leftovers.take(api)
    return side_by_side(marks, arguments) or nothing_left(api, before)


def nothing_left(api: Any, before: leftovers.Inventory) -> int:
    """1 when something is left behind, which is then shown."""
    try:
        wait_for("nothing left", lambda: not leftovers.take(api).beyond(before), 20, 1)
    except DemoFailure:
        print(f"LEFT BEHIND: {leftovers.take(api).beyond(before)}", flush=True)
        return 1
    print("No port, server, server group, security group, namespace or veth is left.", flush=True)
    return 0


def options(arguments: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Ours, and what is for pytest."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--up", action="store_true", help="bring the cloud up")
    parser.add_argument("--story", action="store_true", help="tell the demo's story first")
    parser.add_argument("-m", dest="marks", default="", help="as pytest's")
    return parser.parse_known_args(arguments)


def main(arguments: list[str]) -> int:
    """The exit code. A kept cloud is still there to be looked at, so its logs are not shown."""
    settings, report = from_environment(), Report()
    ours, theirs = options(arguments)
    try:
        if ours.up:
            cloud.Cloud(settings, report).up()
        if ours.story:
            story.tell(settings, report)
        code = tests(settings, ours.marks, theirs)
    except (DemoFailure, exceptions.SDKException) as error:
        print(f"\nThe cloud failed: {error}", flush=True)
        code = 1
    if code and ours.up:
        diagnosis.show(settings)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
