"""Units that really run."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sriov_provider.compute.local.guest import services as module
from sriov_provider.compute.local.guest import systemctl, units
from sriov_provider.compute.local.guest.services import Services

READY = (
    "import os, socket, time; "
    "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); "
    "s.connect(os.environ['NOTIFY_SOCKET']); s.send(b'READY=1'); time.sleep(60)"
)


class Machine:
    """Directories in place of an amphora's; ``systemctl`` as its agent calls it."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.units = place / "units"
        self.units.mkdir()
        self.log = place / "units.log"
        self.services = Services(place / "run", self.log)

    def unit(self, name: str, *lines: str) -> None:
        (self.units / f"{name}.service").write_text("[Service]\n" + "\n".join(lines) + "\n")

    def __call__(self, *words: str) -> int:
        return systemctl.main(*words)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    made = Machine(tmp_path)
    load = units.load
    monkeypatch.setattr(units, "DIRECTORIES", (made.units,))
    monkeypatch.setattr(units, "load", lambda name: load(name, (made.units,)))
    monkeypatch.setattr(units, "WANTED", tmp_path / "wants")
    monkeypatch.setattr(systemctl, "Services", lambda: made.services)
    monkeypatch.setattr(module, "_STOP", 1.0)
    yield made
    for path in (tmp_path / "run").glob("*.pid"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(path.read_text()), signal.SIGKILL)


def pid(machine: Machine, name: str) -> int:
    found = machine.services.main_pid(f"{name}.service")
    assert found is not None
    return found


def test_a_service_starts_once_and_stops(machine: Machine) -> None:
    machine.unit("a", "ExecStart=/bin/sleep 60")
    assert machine("is-active", "a") == 3
    assert machine("start", "a") == 0
    first = pid(machine, "a")
    assert machine("start", "a.service") == 0
    assert pid(machine, "a") == first and machine.services.unit_of(first) == "a.service"
    assert machine("status", "--quiet", "a") == 0
    assert machine("restart", "a") == 0
    assert pid(machine, "a") != first
    assert machine("stop", "a") == 0
    assert machine("is-active", "a") == 3
    assert machine("stop", "a") == 0


def test_one_that_does_not_listen_is_killed(machine: Machine) -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    machine.unit("a", f'ExecStart={sys.executable} -c "{code}"')
    assert machine("start", "a") == 0
    running = pid(machine, "a")
    time.sleep(0.3)
    assert machine("stop", "a") == 0
    assert not module._alive(running)


def test_one_that_says_when_it_is_ready(machine: Machine) -> None:
    machine.unit("a", "Type=notify", f'ExecStart={sys.executable} -c "{READY}"')
    assert machine("start", "a") == 0
    assert pid(machine, "a")
    machine.unit("b", "Type=notify", "ExecStart=/bin/false")
    assert machine("start", "b") == 1


def test_what_it_requires_comes_first_and_once(machine: Machine) -> None:
    machine.unit("once", "Type=oneshot", f"ExecStart=/bin/sh -c 'echo x >>{machine.place}/once'")
    machine.unit("a", "ExecStart=/bin/sleep 60")
    text = (machine.units / "a.service").read_text()
    (machine.units / "a.service").write_text("[Unit]\nRequires=once.service\n" + text)
    assert machine("start", "a") == 0 and machine("restart", "a") == 0
    assert (machine.place / "once").read_text() == "x\n"
    assert machine("is-active", "once") == 0
    machine.unit("once", "Type=oneshot", "ExecStart=/bin/false")
    machine("stop", "once", "a")
    assert machine("start", "a") == 1
    assert machine.services.main_pid("a.service") is None


def test_a_command_that_may_fail(machine: Machine) -> None:
    machine.unit(
        "a", "Type=oneshot", "ExecStart=-/bin/false", "ExecStart=-/no/such", "ExecStart=/bin/true"
    )
    assert machine("start", "a") == 0
    assert "exit code 1" in machine.log.read_text()
    machine.unit("b", "ExecStartPre=/bin/false", "ExecStart=/bin/sleep 60")
    assert machine("start", "b") == 1


def test_one_that_goes_into_the_background(machine: Machine) -> None:
    file = machine.place / "d.pid"
    machine.unit(
        "d", "Type=forking", f"PIDFile={file}",
        f"ExecStart=/bin/sh -c 'sleep 60 >/dev/null 2>&1 & echo $! >{file}'",
    )  # fmt: skip
    assert machine("start", "d") == 0
    assert pid(machine, "d") == int(file.read_text())


def test_a_reload(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    said = machine.place / "said"
    machine.unit("a", "ExecStart=/bin/sleep 60", f"ExecReload=/bin/sh -c 'echo $MAINPID >{said}'")
    assert machine("reload", "a") == 1
    assert "is not active, cannot reload." in capsys.readouterr().out
    assert machine("reload-or-restart", "a") == 0
    assert machine("reload", "a") == 0 and machine("reload-or-restart", "a") == 0
    assert said.read_text().strip() == str(pid(machine, "a"))


def test_enable_and_disable(machine: Machine) -> None:
    machine.unit("a", "ExecStart=/bin/true")
    assert machine("enable", "a") == 0 and machine("enable", "a") == 0
    assert units.enabled(machine.place / "wants") == ("a.service",)
    assert machine("disable", "a") == 0 and machine("disable", "a") == 0
    assert units.enabled(machine.place / "wants") == ()


def test_unknown_words(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    assert machine("daemon-reload") == 0 and machine() == 0
    assert machine("start", "missing") == 5 and machine("disable", "missing") == 0
    machine.unit("a", "ExecStart=/bin/true")
    assert machine("dance", "a") == 1
    assert "Unknown command verb dance." in capsys.readouterr().out
