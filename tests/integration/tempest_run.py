"""Tempest with this project's plugin, against a running demo cloud.

``python -m tests.integration.tempest_run`` enters the cloud below ``SRIOV_DEMO_DIR``; more
arguments go to ``tempest run``.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.demo import bootstrap
from tests.demo.conf.common import Section, ini
from tests.demo.processes import environment
from tests.demo.report import expect
from tests.demo.settings import GUEST, PASSWORD, REGION, ROOT, Settings, from_environment, url
from tests.demo.virt import links
from tests.demo.world import World

REGEX = r"^sriov_provider\.tempest\."
WORKERS = 2
SECONDS = 600
# Tempest's own on the network of the VIPs; outside of every allowed_cidrs of the story
ADDRESSES = ("198.18.31.77/20", "2001:2:0:10:ffff::77/64")
TOTALS = re.compile(r"^ - (Passed|Skipped|Expected Fail|Unexpected Success|Failed): (\d+)$", re.M)


@dataclass(frozen=True)
class Outcome:
    """What came of a run.

    :ivar code: exit code of ``tempest run``
    :ivar totals: number of tests by how they ended
    :ivar log: all it printed
    """

    code: int
    totals: dict[str, int]
    log: Path

    def check(self) -> None:
        """Raises DemoFailure unless there were tests and all of them passed."""
        passed = self.totals.get("Passed", 0)
        others = {how: number for how, number in self.totals.items() if how != "Passed" and number}
        held = self.code == 0 and passed > 0 and not others
        expect(held, f"tempest run: exit code {self.code}, {self.totals}\n{self.log.read_text()}")


def configuration(settings: Settings, api: Any) -> dict[str, Section]:
    """tempest.conf of the demo cloud.

    :param api: connection of the administrator
    """
    timing: Section = {"build_timeout": 120, "build_interval": 1}
    return {
        "DEFAULT": {"log_dir": settings.log, "log_file": "tempest.log"},
        "oslo_concurrency": {"lock_path": settings.state / "tempest/lock"},
        "auth": {
            "use_dynamic_credentials": True,
            "admin_username": "admin",
            "admin_password": PASSWORD,
            "admin_project_name": "admin",
            "admin_domain_name": "Default",
            "create_isolated_networks": False,
        },
        "identity": {
            "uri_v3": url("keystone", "/v3"),
            "auth_version": "v3",
            "region": REGION,
            "v3_endpoint_type": "public",
        },
        "service_available": {"cinder": False, "swift": False},
        "compute": {
            **timing,
            "image_ref": api.image.find_image(GUEST).id,
            "flavor_ref": api.compute.find_flavor(GUEST).id,
            "ready_wait": 0,
        },
        "network": {**timing, "project_networks_reachable": False},
        "validation": {"run_validation": False},
        "load_balancer": {
            **timing,
            "RBAC_test_type": "advanced",
            "check_interval": 1,
            "lb_build_interval": 1,
            "lb_build_timeout": 180,
        },
        "sriov_load_balancer": {
            "flavor": "SRIOV-public-members",
            "vip_subnet_ipv4": "public",
            "vip_subnet_ipv6": "public-ipv6",
            "member_subnet_ipv4": "members",
            "member_subnet_ipv6": "members-ipv6",
        },
    }


def reach(network_id: str) -> None:
    """Gives the cloud's own network namespace addresses on a network."""
    with links.lock():
        bridge = links.bridge(network_id)
    for address in ADDRESSES:
        now = ("nodad",) if ":" in address else ()
        links.run("ip", "addr", "replace", address, "dev", bridge, *now)


def run(settings: Settings, *arguments: str) -> Outcome:
    """Runs all tests of the plugin; call it within the cloud's namespaces.

    :param arguments: more ones of ``tempest run``, instead of the selection of tests
    """
    api = bootstrap.connect(settings)
    reach(api.network.find_network("public").id)
    place = settings.state / "tempest"
    place.mkdir(exist_ok=True)
    conf, log = place / "tempest.conf", settings.log / "tempest-run.log"
    conf.write_text(ini(configuration(settings, api)))
    selection = arguments or ("--regex", REGEX, "--concurrency", str(WORKERS))
    command = (str(settings.bin / "tempest"), "run", "--config-file", str(conf), *selection)
    with log.open("w") as out:
        done = subprocess.run(
            command,
            cwd=place,
            env=environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            timeout=SECONDS,
            check=False,
        )
    totals = {how: int(number) for how, number in TOTALS.findall(log.read_text())}
    return Outcome(done.returncode, totals, log)


def main(arguments: list[str]) -> int:
    """The exit code: 0 when all tests passed."""
    settings = from_environment()
    world = World(settings)
    if world.pid():
        again = (sys.executable, "-m", "tests.integration.tempest_run", "--inside", *arguments)
        return subprocess.call(world.enter(*again), env=dict(os.environ, PYTHONPATH=str(ROOT)))
    raise SystemExit(f"no cloud is up in {settings.state}: python -m tests.demo --keep --no-story")


def inside(arguments: list[str]) -> int:
    """The same within the namespaces."""
    outcome = run(from_environment(), *arguments)
    print(outcome.log.read_text())
    outcome.check()
    return 0


if __name__ == "__main__":
    words = sys.argv[1:]
    sys.exit(inside(words[1:]) if words[:1] == ["--inside"] else main(words))
