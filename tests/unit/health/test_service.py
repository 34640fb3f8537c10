"""The stand-alone health manager, in this process and as a command."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from octavia.amphorae.backends.health_daemon import status_message

from sriov_provider.db import heartbeats, inventory, migrate
from sriov_provider.db.engine import Sessions
from sriov_provider.errors import Code, ProviderError
from sriov_provider.health import manager, service
from sriov_provider.records import AmphoraRecord, AmphoraState, LoadBalancerRecord
from tests.unit.health.beats import said


def free_port(kind: int) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Place:
    """A configuration file, and a database with one amphora."""

    def __init__(self, directory: Path, extra: str = "") -> None:
        self.port = free_port(socket.SOCK_DGRAM)
        self.file = directory / "octavia.conf"
        url = f"sqlite:///{directory / 'provider.sqlite'}"
        self.file.write_text(
            f"[sriov_provider]\ndatabase_connection = {url}\n{extra}"
            "[health_manager]\nheartbeat_key = key\n"
        )
        migrate.upgrade(url)
        self.sessions = Sessions(url)
        lb = LoadBalancerRecord("lb", "p", "192.0.2.1", "v", "s", "n")
        self.sessions.run(lambda s: inventory.save_load_balancer(s, lb))
        amphora = AmphoraRecord("amp", "lb", AmphoraState.READY)
        self.sessions.run(lambda s: inventory.save_amphora(s, amphora))

    def beat(self, sequence: int) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            wrapped = status_message.wrap_envelope(said(sequence=sequence), "key")
            one.sendto(wrapped, ("127.0.0.1", self.port))

    def heard(self) -> bool:
        known = self.sessions.read(lambda s: heartbeats.known(s, ["amp"]))
        return known["amp"].received_at is not None


def listening(directory: Path, extra: str = "") -> Place:
    place = Place(directory)
    text = place.file.read_text()
    bind = f"[sriov_provider]\nheartbeat_bind = 127.0.0.1:{place.port}\n{extra}"
    place.file.write_text(text.replace("[sriov_provider]\n", bind, 1))
    return place


def beat_until(seen: Callable[[], bool], place: Place) -> None:
    for sequence in range(120):
        place.beat(sequence)
        time.sleep(0.25)
        if seen():
            return
    pytest.fail("never heard")


def test_it_hears_and_tells_metrics_until_it_is_stopped(tmp_path: Path) -> None:
    port = free_port(socket.SOCK_STREAM)
    place = listening(tmp_path, f"metrics_address = 127.0.0.1:{port}\n")
    stop = threading.Event()
    thread = threading.Thread(target=service.run, args=((str(place.file),), stop))
    thread.start()
    try:
        beat_until(place.heard, place)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as page:
            assert "octavia_sriov_heartbeats_total" in page.read().decode()
    finally:
        stop.set()
        thread.join(30)
    assert not thread.is_alive()


def test_the_command_ends_on_sigterm(tmp_path: Path) -> None:
    place = listening(tmp_path)
    command = [sys.executable, "-m", "sriov_provider.cmd.main"]
    process = subprocess.Popen([*command, "--config-file", str(place.file), "health"])
    try:
        beat_until(place.heard, place)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()


def test_without_an_address_it_does_not_start(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with pytest.raises(ProviderError) as raised:
        service.run((str(place.file),), threading.Event())
    assert raised.value.reason.code is Code.CONFIGURATION
    assert "heartbeat_bind" in raised.value.reason.operator


def test_metrics_that_cannot_be_served_stop_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = listening(tmp_path, "metrics_address = 192.0.2.77:1\n")
    stop = threading.Event()
    stop.set()
    service.run((str(place.file),), stop)
    assert "No metrics on 192.0.2.77:1" in caplog.text


def test_a_thread_that_died_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = listening(tmp_path)
    monkeypatch.setattr(manager.HealthManager, "_keep_checking", lambda *_: None)
    with pytest.raises(RuntimeError, match="failovers"):
        service.run((str(place.file),), threading.Event())
