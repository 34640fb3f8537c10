"""``sriov-provider check`` on a cloud: all is well, and what it says of what is not."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.demo.processes import environment
from tests.demo.report import wait_for
from tests.demo.settings import IP, MANAGEMENT_IP, Settings
from tests.integration.ground import Ground

pytestmark = pytest.mark.alone
# Nobody listens on these ports, and there is no such socket.
BROKEN = f"""\
[DEFAULT]
transport_url = rabbit://demo:demo-password@{IP}:5999/
[driver_agent]
status_socket_path = /run/demo/nowhere.sock
[sriov_provider]
heartbeat_bind = {MANAGEMENT_IP}:5599
"""


def check(settings: Settings, *files: Path) -> tuple[int, dict[str, dict[str, str]]]:
    """The exit code, and the lines by name."""
    words = [f"{settings.bin}/sriov-provider"]
    for file in (settings.etc / "octavia/octavia.conf", *files):
        words += ["--config-file", str(file)]
    done = subprocess.run(
        [*words, "check", "--timeout", "60", "-f", "json"],
        capture_output=True,
        text=True,
        env=environment(settings),
        check=False,
    )
    assert "demo-password" not in done.stdout + done.stderr
    return done.returncode, {row["check"]: row for row in json.loads(done.stdout)}


def test_all_is_well(ground: Ground) -> None:
    """Every line says ok, with an amphora that is asked and heard."""
    ground.vfs(compute1=1, compute2=1)
    ground.create(ground.flavor(loadbalancer_topology="SINGLE")).settled()

    def heard() -> bool:
        return "heard within" in check(ground.settings)[1]["heartbeats"]["detail"]

    wait_for("heartbeats", heard, seconds=60, pause=1)
    code, lines = check(ground.settings)
    assert {name: line for name, line in lines.items() if line["verdict"] != "ok"} == {}
    assert code == 0
    assert lines["agents"]["detail"] == "1 of 1 asked answer"


def test_what_is_broken_is_told(settings: Settings, tmp_path: Path) -> None:
    """The broker, a socket of the driver-agent and the port of heartbeats, each in its line."""
    broken = tmp_path / "broken.conf"
    broken.write_text(BROKEN)
    code, lines = check(settings, broken)
    assert code == 1
    failed = {name: line for name, line in lines.items() if line["verdict"] == "fail"}
    sockets = {f"driver-agent {name}" for name in ("get", "status", "stats")}
    assert failed.keys() == {"message bus", "heartbeat port", *sockets}
    assert "takes no message" in failed["message bus"]["detail"]
    assert "RabbitMQ" in failed["message bus"]["todo"]
    assert all("/run/demo/nowhere.sock is missing" in failed[name]["detail"] for name in sockets)
    assert f"nobody listens on {MANAGEMENT_IP}:5599" in failed["heartbeat port"]["detail"]
