"""The real ``openstack`` command, typed as a user would."""

from __future__ import annotations

import os
import shlex
import subprocess
from typing import Any

from tests.demo import bootstrap
from tests.demo.processes import environment
from tests.demo.report import DemoFailure, Report, expect, wait_for
from tests.demo.settings import Settings


class Client:
    """Types commands; reads through openstacksdk, which is the same API without the start-up."""

    def __init__(self, settings: Settings, report: Report) -> None:
        self.settings, self.report = settings, report
        self.api: Any = bootstrap.connect(settings)
        self.environment = environment(
            settings,
            OS_CLIENT_CONFIG_FILE=str(settings.etc / "clouds.yaml"),
            OS_CLOUD="demo",
            TERM=os.environ.get("TERM", "dumb"),
        )

    def type(self, command: str) -> str:
        """Runs one command line; its output. Raises when the command fails."""
        done = self._run(command)
        expect(not done.returncode, f"`{command}` failed:\n{done.stderr or done.stdout}")
        return done.stdout

    def refused(self, command: str) -> str:
        """Runs one command line that must fail; what it says."""
        done = self._run(command)
        expect(done.returncode != 0, f"`{command}` was not refused:\n{done.stdout}")
        self.report.seen(done.stderr.strip())
        return done.stderr

    def _run(self, command: str) -> subprocess.CompletedProcess[str]:
        self.report.say(f"$ {command}")
        return subprocess.run(
            shlex.split(command),
            capture_output=True,
            text=True,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    def balancer(self, name: str) -> Any:
        """A load balancer as it is now; None when there is none."""
        return self.api.load_balancer.find_load_balancer(name)

    def settle(self, name: str, seconds: float = 180.0) -> Any:
        """Waits until a load balancer is no longer PENDING, and wants it ACTIVE."""

        def probe() -> Any:
            found = self.balancer(name)
            if found is None:
                raise DemoFailure(f"load balancer {name} is gone")
            return None if found.provisioning_status.startswith("PENDING") else found

        found = wait_for(f"load balancer {name} settled", probe, seconds=seconds)
        if found.provisioning_status != "ACTIVE":
            self.explain(found)
            raise DemoFailure(f"load balancer {name} is {found.provisioning_status}")
        return found

    def explain(self, balancer: Any) -> str:
        """Prints what the provider itself says about a load balancer, and returns it."""
        if balancer.provider != "sriov":
            return ""
        self.report.say(f"$ sriov-provider explain {balancer.id}")
        done = self.operate("explain", balancer.id)
        print(done.stdout if done.returncode == 0 else done.stderr, flush=True)
        return done.stdout

    def operate(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Runs a command of the provider's operator."""
        conf = self.settings.etc / "octavia/octavia.conf"
        command = [f"{self.settings.bin}/sriov-provider", "--config-file", str(conf), *words]
        return subprocess.run(
            command, capture_output=True, text=True, env=self.environment, check=False
        )

    def gone(self, name: str, seconds: float = 120.0) -> None:
        """Waits until a load balancer is no longer there."""

        def probe() -> bool:
            found = self.balancer(name)
            if found is not None and found.provisioning_status == "ERROR":
                self.explain(found)
                raise DemoFailure(f"deleting load balancer {name} ended in ERROR")
            return found is None

        wait_for(f"load balancer {name} deleted", probe, seconds=seconds)
