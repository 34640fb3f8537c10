from __future__ import annotations

import queue
import socket
import threading
import time
from pathlib import Path

import pytest

from sriov_provider.rpc import client, server


def _config(tmp_path: Path, transport_url: str) -> list[str]:
    path = tmp_path / "octavia.conf"
    # A bus in memory is the same for all tests of a process, its exchanges are not.
    exchange = f"[DEFAULT]\ncontrol_exchange = {tmp_path}\n"
    path.write_text(f"{exchange}transport_url = {transport_url}\n")
    return [str(path)]


def test_one_worker_hears_the_id_of_the_job(tmp_path: Path) -> None:
    files = _config(tmp_path, "fake://")
    heard: queue.Queue[str] = queue.Queue()
    listener = server.build(files, "host1", heard.put)
    listener.start()
    try:
        assert client.Client(files).wake("job-1") is True
        assert heard.get(timeout=20) == "job-1"
    finally:
        listener.stop()
        listener.wait()
    assert heard.empty()


def test_many_wake_ups_are_heard_by_few_threads(tmp_path: Path) -> None:
    files = _config(tmp_path, "fake://")
    heard: queue.Queue[tuple[str, int]] = queue.Queue()
    listener = server.build(files, "host1", lambda job: heard.put((job, threading.get_ident())))
    listener.start()
    waker = client.Client(files)
    try:
        jobs = [f"job-{n}" for n in range(4 * server.THREADS)]
        assert all(waker.wake(job) for job in jobs)
        seen = [heard.get(timeout=20) for _ in jobs]
    finally:
        listener.stop()
        listener.wait()
    assert sorted(job for job, _ in seen) == jobs
    assert len({thread for _, thread in seen}) <= server.THREADS


@pytest.mark.parametrize("url", ["rabbit://u:p@127.0.0.1:1/", "nonsense://", "not a url"])
def test_a_missing_bus_is_not_fatal(
    tmp_path: Path, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    waker = client.Client(_config(tmp_path, url))
    assert waker.wake("job-1") is False
    assert "job-1" in caplog.text


def test_a_broker_that_failed_is_left_alone_for_a_while(tmp_path: Path) -> None:
    now = [100.0]
    waker = client.Client(_config(tmp_path, "nonsense://"), clock=lambda: now[0])
    assert waker.wake("job-1") is False
    (tmp_path / "octavia.conf").write_text("[DEFAULT]\ntransport_url = fake://\n")
    now[0] += client.REST - 0.1
    assert waker.wake("job-2") is False
    now[0] += 0.2
    assert waker.wake("job-3") is True


def test_neither_start_nor_end_waits_for_a_broker(tmp_path: Path) -> None:
    files = _config(tmp_path, "rabbit://u:p@127.0.0.1:1/")
    listener = server.build(files, "host1", lambda _: None)
    began = time.monotonic()
    listener.start()
    listener.stop()
    assert time.monotonic() - began < server.LEAVE / 2
    listener.wait()
    assert time.monotonic() - began < server.LEAVE * 2


def test_a_listener_that_may_not_listen_is_not_fatal(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    listener = server.build(_config(tmp_path, "fake://"), "host1", lambda _: None)
    listener._server.start = _refuse
    listener.start()
    listener._starter.join(10)
    assert "found by polling: refused" in caplog.text


def _refuse(**_: object) -> None:
    raise OSError("refused")


def test_missing_configuration_is_not_fatal(tmp_path: Path) -> None:
    assert client.Client([str(tmp_path / "absent.conf")]).wake("job-1") is False


def test_nothing_is_read_before_the_first_wake() -> None:
    assert client.Client(["/nonexistent"])._client is None


def test_a_silent_broker_does_not_hold_up_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        waker = client.Client(_config(tmp_path, f"rabbit://u:p@127.0.0.1:{port}/"))
        before = time.monotonic()
        assert waker.wake("job-1") is False
        assert waker.wake("job-2") is False
        assert time.monotonic() - before < 2.0
