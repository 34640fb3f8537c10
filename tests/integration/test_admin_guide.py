"""Every command of the guide, typed in its order; every option of its settings, looked up.

The commands are run as they are printed but for the names of :data:`RENAMED`, which other tests of
this cloud have as well.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.demo import amphorae
from tests.demo.client import Client
from tests.demo.processes import environment
from tests.demo.report import Report, wait_for
from tests.demo.settings import ROOT, Settings
from tests.demo.virt import server
from tests.guide import pages, runners
from tests.guide.pages import Command
from tests.guide.runners import Runner

RENAMED = {
    "web": "guide-web",
    "SRIOV-public-members": "guide-SRIOV-public-members",
    "sriov-public-members": "guide-sriov-public-members",
}
ASSIGNMENT = re.compile(r"(\w+)=(\$\(.*\))$")
TELLS = re.compile(r"\b(list|show|explain|current|capacity)\b")
# The least that Glance takes for a qcow2 file: magic, version 3, clusters of 64 KiB, 1 GiB.
QCOW2 = b"QFI\xfb\0\0\0\3" + b"\0" * 12 + b"\0\0\0\x10" + b"\0\0\0\0\x40\0\0\0" + b"\0" * 992


class Terminal:
    """Where the commands are typed: a shell's variables, a directory, who runs what."""

    def __init__(self, settings: Settings, directory: Path) -> None:
        self.client = Client(settings, Report())
        self.directory = directory
        self.environment = environment(
            settings,
            OS_CLIENT_CONFIG_FILE=str(settings.etc / "clouds.yaml"),
            OS_CLOUD="demo",
            HOME=str(directory),
        )
        (directory / "etc").symlink_to(ROOT / "etc")
        (directory / "amphora.qcow2").write_bytes(QCOW2)
        # where sriov-provider looks for Octavia's file by itself
        (directory / ".octavia").symlink_to(settings.etc / "octavia")
        self.controller = self.prefork()

    def prefork(self) -> subprocess.Popen[str]:
        """The controller's commands without their start-up."""
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tests.guide.prefork", str(self.directory)],
            env={**self.environment, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        path = f"{self.directory}:{self.environment['PATH']}"
        self.environment["PATH"] = path
        return process

    def type(self, command: Command) -> str:
        """Types a command; its output."""
        text = command.text
        for name, here in RENAMED.items():
            text = re.sub(rf"(?<![\w-]){name}(?![\w-])", here, text)
        if found := ASSIGNMENT.match(text):
            value = self.run(command, ["bash", "-euc", f'printf %s "{found[2]}"'])
            self.environment[found[1]] = value
            return value
        inside = runners.runner(command) is Runner.AMPHORA
        return self.run(command, [*(self.amphora() if inside else ()), "bash", "-euc", text])

    def run(self, command: Command, words: list[str]) -> str:
        done = subprocess.run(
            words,
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def amphora(self) -> list[str]:
        """The words that lead to the console of the load balancer's one amphora."""
        (found,) = amphorae.of(self.client, self.client.balancer(RENAMED["web"]))
        pid = (server.directory(found.server.id) / "init.pid").read_text()
        return ["nsenter", "-t", pid, "-m", "-n"]

    def close(self) -> None:
        self.controller.communicate()


@pytest.fixture
def terminal(settings: Settings, tmp_path: Path) -> Iterator[Terminal]:
    made = Terminal(settings, tmp_path)
    try:
        yield made
    finally:
        clean(made.client)
        made.close()


def clean(client: Client) -> None:
    """What the guide has made, as far as it came."""
    api = client.api
    if client.balancer(RENAMED["web"]):
        wait_for("not pending", lambda: not pending(client), 120)
        api.load_balancer.delete_load_balancer(client.balancer(RENAMED["web"]), cascade=True)
        client.gone(RENAMED["web"])
    balancing, name = api.load_balancer, RENAMED["SRIOV-public-members"]
    remove(balancing.find_flavor(name), balancing.delete_flavor)
    profile = balancing.find_flavor_profile(RENAMED["sriov-public-members"])
    remove(profile, balancing.delete_flavor_profile)
    remove(api.network.find_network("lb-vip"), api.network.delete_network)
    aggregate = api.compute.find_aggregate("lb-sriov")
    for host in aggregate.hosts or () if aggregate else ():
        api.compute.remove_host_from_aggregate(aggregate, host)
    remove(aggregate, api.compute.delete_aggregate)
    remove(api.compute.find_flavor("amphora-sriov"), api.compute.delete_flavor)
    for image in api.image.images(name="amphora-sriov-x64"):
        api.image.delete_image(image)
    api.network.delete_quota(api.identity.find_project("service").id)


def remove(found: Any, delete: Any) -> None:
    if found is not None:
        delete(found)


def pending(client: Client) -> bool:
    return bool(client.balancer(RENAMED["web"]).provisioning_status.startswith("PENDING"))


@pytest.mark.essential
def test_every_command_works(terminal: Terminal) -> None:
    """The guide, from bare hosts to a load balancer that was failed over."""
    said = {}
    for command in pages.all_commands():
        if runners.runner(command) not in (Runner.CLOUD, Runner.AMPHORA):
            continue
        said[command.text] = terminal.type(command)
        if TELLS.search(command.text):
            assert said[command.text].strip(), f"{command} tells nothing"
    assert "NIC Switch agent" in said["openstack network agent list --agent-type nic"]
    built_as_told(terminal.client)


def built_as_told(client: Client) -> None:
    """The amphora is of the guide's flavor and image, on a host of its aggregate."""
    balancer = client.balancer(RENAMED["web"])
    assert balancer.provisioning_status == "ACTIVE"
    (amphora,) = amphorae.of(client, balancer)
    node = amphora.server
    assert node.flavor.name == "amphora-sriov"
    assert client.api.compute.find_aggregate("lb-sriov").metadata["sriov"] == "true"
    assert node.compute_host in client.api.compute.find_aggregate("lb-sriov").hosts
    image = client.api.image.get_image(node.image.id)
    assert image.name == "amphora-sriov-x64"
