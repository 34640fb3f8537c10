"""The agent that the image's unit starts, over mutual TLS."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.agent import box
from tests.functional.agent.conftest import DOCUMENT
from tests.functional.element import guest
from tests.functional.element.conftest import NFT, Built

# The first time the image is made, with hundreds of packages.
pytestmark = [pytest.mark.root, pytest.mark.timeout(1200)]

# The image's rsyslog, which the agent's gunicorn expects.
SYSLOG = """
import pathlib, socket
pathlib.Path("/run/rsyslog/octavia").mkdir(parents=True)
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
log.bind("/run/rsyslog/octavia/log")
print("ready", flush=True)
while log.recv(65536):
    pass
"""


@pytest.fixture
def agent(built: Built, tmp_path: Path) -> Iterator[box.Box]:
    box._certificates(tmp_path)
    etc = built.image.root / "etc/octavia"
    for name in ("ca.pem", "peer.pem"):
        shutil.copy(tmp_path / name, etc / "certs")
    (etc / "amphora-agent.conf").write_text(box._CONFIG.format(directory="/etc/octavia/certs"))
    with guest.booted(built.image) as machine, running(machine, tmp_path) as process:
        started = box.Box(tmp_path, machine.space, process)
        box._wait(started)
        yield started
    (built.image.root / "var/lib/octavia/sriov-firewall.json").unlink(missing_ok=True)


@contextlib.contextmanager
def running(machine: guest.Machine, directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """What systemd would start, in that order; it ends with the machine."""
    machine.start("sriov-amphora-firewall.service")
    python = ("/opt/amphora-agent-venv/bin/python", "-c")
    syslog = subprocess.Popen(machine.inside((*python, SYSLOG)), stdout=subprocess.PIPE)
    assert syslog.stdout and syslog.stdout.readline() == b"ready\n"
    (command,) = guest.commands(machine.image.root, "amphora-agent.service")
    with (directory / "console").open("wb") as out:
        process = subprocess.Popen(machine.inside(command), stdout=out, stderr=out, cwd="/")
        try:
            yield process
        finally:
            syslog.stdout.close()
            for each in (process, syslog):
                each.kill()
                each.wait(30)


def test_the_agent_of_the_image_answers(agent: box.Box, built: Built) -> None:
    status, told = agent.call("GET", "/1.0/sriov-capabilities")
    assert (status, told["nftables"]) == (200, NFT[built.image.release]), told
    status, told = agent.call("GET", "/")
    assert (status, told["api_version"]) == (200, "1.0"), told


def test_it_writes_rules_and_reads_them_back(agent: box.Box) -> None:
    status, applied = agent.call("POST", "/1.0/security-group", DOCUMENT)
    assert status in (200, 202), applied
    status, told = agent.call("GET", "/1.0/security-group")
    assert (status, told["digest"]) == (200, applied["digest"])
    assert told["counters"]["named"]
