"""What the first process of an amphora decides; that it runs is shown by the functional tests."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from sriov_provider.compute.local.guest import init, kernel, root, spec, units
from sriov_provider.compute.local.guest.units import Unit

SPEC = spec.Spec(
    hostname="amphora-1",
    network="/run/netns/amphora-1",
    files="/state/files",
    root="/run/root",
    pid_file="/run/pid",
    log="/state/log",
    shared=("/venv",),
    path=("/venv/bin",),
    agent=("/venv/bin/agent", "--config-file", "/etc/agent.conf"),
    memory=256 << 20,
)


class Recorder(init.Init):
    """Starts nothing."""

    def __init__(self) -> None:
        super().__init__(SPEC)
        self.started: list[tuple[str, tuple[str, ...]]] = []

    def _run(self, what: str, words: Any) -> None:
        self.started.append((what, tuple(words)))
        self._children[len(self.started)] = what


def test_a_specification_survives_its_file(tmp_path: Path) -> None:
    path = tmp_path / "spec.json"
    path.write_text(SPEC.text())
    assert spec.read(path) == SPEC


def test_a_new_amphora_has_but_its_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "enabled", lambda: ())
    first = Recorder()
    first._boot()
    assert first.started == [("agent", SPEC.agent)]
    first._gone(1, 0)
    assert len(first.started) == 2, "an agent that ends is started again"


def test_after_a_reboot_units_come_before_the_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "enabled", lambda: ("amphora-netns.service", "haproxy-1.service"))
    first = Recorder()
    first._boot()
    assert first.started[0][0] == "boot"
    assert first.started[0][1][-3:] == ("start", "amphora-netns.service", "haproxy-1.service")
    first._gone(1, 0)
    assert first.started[1] == ("agent", SPEC.agent)


@pytest.mark.parametrize(("restart", "times"), [("always", 5), ("no", 0)])
def test_units_are_started_again_but_not_for_ever(
    monkeypatch: pytest.MonkeyPatch, restart: str, times: int
) -> None:
    first = Recorder()
    unit = Unit("haproxy-1.service", {"Restart": (restart,)})
    monkeypatch.setattr(first._services, "unit_of", lambda pid: unit.name)
    monkeypatch.setattr(units, "load", lambda name: unit)
    for _ in range(9):
        first._gone(99, 9)
    assert [what for what, _ in first.started] == [unit.name] * times


def test_a_process_of_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    first = Recorder()
    monkeypatch.setattr(first._services, "unit_of", lambda pid: None)
    first._gone(99, 9)
    assert first.started == []


def test_a_command_that_is_missing_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    init.Init(SPEC)._run("agent", ["/no/such"])
    assert "No such file" in capsys.readouterr().out


def test_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(init, "_LOGS", tmp_path)
    monkeypatch.setattr(init, "_LOG_SIZE", 40)
    monkeypatch.setattr(init, "SYSLOG", tmp_path / "socket")
    ear = init._syslog()
    with ear, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as program:
        program.connect(str(tmp_path / "socket"))
        program.send(b"<142>haproxy[1]: one\n")
        program.send(b"two\0")
        init._write(ear)
        log = tmp_path / "syslog.log"
        assert log.read_bytes() == b"haproxy[1]: one\ntwo\n"
        init._rotate()
        assert log.stat().st_size == 20
        program.send(b"x" * 30)
        init._write(ear)
    init._rotate()
    assert log.stat().st_size == 0
    assert (tmp_path / "syslog.log.1").read_bytes().startswith(b"haproxy[1]: one")


def test_it_believes_to_have_its_own_memory() -> None:
    told = root.meminfo(256 << 20)
    assert "MemTotal: 262144 kB\nMemFree: 131072 kB" in told
    # All the keys the stock agent reads.
    keys = {line.split(":")[0] for line in told.splitlines()}
    assert {"Buffers", "Cached", "SwapCached", "Shmem", "Slab"} <= keys


def test_what_is_mounted_at_and_below_a_place() -> None:
    told = (
        "21 1 0:20 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n"
        "30 21 0:28 / /root/usr rw,nosuid,relatime - ext4 /dev/vda2 rw\n"
        "31 30 0:29 / /root/usr/with\\040blank rw,nodev,noexec - tmpfs tmpfs rw\n"
        "32 21 0:30 / /root/usr2 rw - tmpfs tmpfs rw\n"
    )
    assert list(root.mounts(Path("/root/usr"), told)) == [
        (Path("/root/usr"), 0),
        (Path("/root/usr/with blank"), kernel.MS_NODEV | kernel.MS_NOEXEC),
    ]
