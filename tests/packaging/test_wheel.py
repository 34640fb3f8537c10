"""What is built is what is needed: the wheel by itself migrates, starts and loads."""

from __future__ import annotations

import signal
import subprocess
import time
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest

from tests.packaging import installed
from tests.packaging.installed import Environment

PACKAGES = {"amphora_agent_ext", "sriov_provider"}
LOAD = """
from importlib.metadata import distribution
for point in distribution("octavia-sriov-provider").entry_points:
    if point.group == {group!r}:
        print(point.name, point.load().__name__)
"""


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    path = tmp_path / "octavia.conf"
    path.write_text(
        "[DEFAULT]\ntransport_url = fake:/\n"
        f"[driver_agent]\nstatus_socket_path = {tmp_path}/status.sock\n"
        f"stats_socket_path = {tmp_path}/stats.sock\nget_socket_path = {tmp_path}/get.sock\n"
        f"[sriov_provider]\ndatabase_connection = sqlite:///{tmp_path}/provider.sqlite\n"
    )
    return path


def names(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_every_module_of_the_checkout_is_in_the_wheel(wheel: Path) -> None:
    inside = set(names(wheel))
    for package in PACKAGES:
        for path in (installed.ROOT / package).rglob("*.py"):
            assert str(path.relative_to(installed.ROOT)) in inside


def test_migrations_are_in_the_wheel_below_the_package(wheel: Path) -> None:
    inside = set(names(wheel))
    assert "sriov_provider/migrations/env.py" in inside
    versions = [p.name for p in (installed.ROOT / "alembic/versions").glob("*.py")]
    assert len(versions) >= 2
    assert {f"sriov_provider/migrations/versions/{name}" for name in versions} <= inside


def test_nothing_else_is_in_the_wheel(wheel: Path) -> None:
    top = {name.split("/")[0] for name in names(wheel)}
    assert {name for name in top if not name.endswith(".dist-info")} == PACKAGES


def test_licence_and_readme_are_in_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (licence,) = [n for n in archive.namelist() if n.endswith("licenses/LICENSE")]
        assert b"Apache License" in archive.read(licence)
        (metadata,) = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
        assert b"tox -e demo" in archive.read(metadata)


def test_the_api_loads_the_driver_without_octavia(api_role: Environment, tmp_path: Path) -> None:
    told = api_role.python(LOAD.format(group="octavia.api.drivers"), cwd=tmp_path)
    assert told == "sriov SriovProviderDriver\n"
    assert "octavia" not in api_role.python(
        "import sys, sriov_provider.api.driver; print(*(m for m in sys.modules if m == 'octavia'))",
        cwd=tmp_path,
    )


def test_the_driver_is_built_without_a_cloud(api_role: Environment, tmp_path: Path) -> None:
    code = (
        "import threading; from sriov_provider.api.driver import SriovProviderDriver as D;"
        "print(len(D().get_supported_flavor_metadata()) > 5, threading.active_count())"
    )
    assert api_role.python(code, cwd=tmp_path) == "True 1\n"


@pytest.mark.parametrize(
    ("group", "loaded"),
    [
        ("octavia.driver_agent.provider_agents", "sriov provider_agent\n"),
        ("oslo.config.opts", "sriov_provider list_opts\n"),
    ],
)
def test_entry_points_of_the_controller_load(
    controller: Environment, tmp_path: Path, group: str, loaded: str
) -> None:
    assert controller.python(LOAD.format(group=group), cwd=tmp_path) == loaded


def test_tempest_lists_the_scenarios(tester: Environment, tmp_path: Path) -> None:
    # Not the list of workspaces in the home directory, which remembers earlier runs.
    own = ("--workspace-path", str(tmp_path / "workspaces.yaml"))
    done = tester.run("tempest", "init", "cloud", *own, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    ours = ("run", "--list-tests", "--regex", r"^sriov_provider\.tempest\.")
    done = tester.run("tempest", *ours, cwd=tmp_path / "cloud")
    assert done.returncode == 0, done.stderr
    scenarios = "sriov_provider.tempest.tests.scenario."
    assert len([line for line in done.stdout.splitlines() if line.startswith(scenarios)]) >= 10
    sample = (tmp_path / "cloud/etc/tempest.conf.sample").read_text()
    assert "[sriov_load_balancer]" in sample


def test_it_migrates_from_another_directory(
    controller: Environment, conf: Path, tmp_path: Path
) -> None:
    def db(*words: str) -> str:
        command = ("--config-file", str(conf), "db", *words)
        done = controller.run("sriov-provider", *command, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    db("upgrade")
    current, newest = db("current", "-f", "value").split()
    assert current == newest != "None"
    db("downgrade", "base")
    assert db("current", "-f", "value").split() == ["None", newest]


def test_a_worker_starts_and_stops(controller: Environment, conf: Path, tmp_path: Path) -> None:
    command = ("--config-file", str(conf))
    assert controller.run("sriov-provider", *command, "db", "upgrade", cwd=tmp_path).returncode == 0
    log = tmp_path / "worker.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [controller.path / "bin/sriov-provider", "-v", *command, "worker"],
            cwd=tmp_path,
            env=installed.clean(),
            stdout=out,
            stderr=out,
        )
        try:
            wait_for(log, "is ready", process)
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0, log.read_text()
        finally:
            process.kill()
            process.wait()
    assert "Traceback" not in log.read_text()


def wait_for(log: Path, text: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while text not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)


@pytest.mark.parametrize(
    "command",
    [
        ("sriov-provider", "--help"),
        ("sriov-provider", "help", "db", "upgrade"),
        ("sriov-provider", "help", "explain"),
        ("sriov-provider", "help", "worker"),
    ],
)
def test_controller_commands_answer(
    controller: Environment, tmp_path: Path, command: tuple[str, ...]
) -> None:
    done = controller.run(*command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "usage: sriov-provider" in done.stdout


AMPHORA_COMMANDS = ("sriov-amphora-agent", "sriov-amphora-firewall", "sriov-amphora-interface")


@pytest.mark.parametrize("command", AMPHORA_COMMANDS)
def test_amphora_commands_answer(amphora: Environment, tmp_path: Path, command: str) -> None:
    done = amphora.run(command, "--help", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"usage: {command}" in done.stdout


def test_every_command_was_asked() -> None:
    points = distribution("octavia-sriov-provider").entry_points
    asked = {"sriov-provider", *AMPHORA_COMMANDS}
    assert {p.name for p in points if p.group == "console_scripts"} == asked
