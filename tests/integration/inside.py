"""The tests as they run within the cloud's namespaces."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from openstack import exceptions

from tests.demo import bootstrap, cloud, diagnosis, leftovers
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


def side_by_side(arguments: list[str]) -> int:
    """Tests which disturb nobody together, then the others one by one."""
    together = pytest("-n", str(WORKERS), "-m", "not alone", *arguments)
    return pytest("-m", "alone", *arguments) or together


def tests(settings: Settings, arguments: list[str]) -> int:
    """All tests; afterwards nothing may be there that was not there before."""
    api = bootstrap.connect(settings)
    before = leftovers.take(api)
    return side_by_side(arguments) or nothing_left(api, before)


def nothing_left(api: Any, before: leftovers.Inventory) -> int:
    """1 when something is left behind, which is then shown."""
    try:
        wait_for("nothing left", lambda: not leftovers.take(api).beyond(before), 20, 1)
    except DemoFailure:
        print(f"LEFT BEHIND: {leftovers.take(api).beyond(before)}", flush=True)
        return 1
    print("No port, server, server group, security group, namespace or veth is left.", flush=True)
    return 0


def main(arguments: list[str]) -> int:
    """The exit code. A kept cloud is still there to be looked at, so its logs are not shown."""
    settings = from_environment()
    kept = arguments[:1] != ["--up"]
    try:
        if not kept:
            cloud.Cloud(settings, Report()).up()
        code = tests(settings, arguments if kept else arguments[1:])
    except (DemoFailure, exceptions.SDKException) as error:
        print(f"\nThe cloud failed: {error}", flush=True)
        code = 1
    if code and not kept:
        diagnosis.show(settings)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
