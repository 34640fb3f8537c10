from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import types
from pathlib import Path

import pytest
import yaml
from sqlalchemy.orm import Session

from sriov_provider.cmd import dry_run, explain, main, worker
from sriov_provider.db import inventory, jobs, migrate, outbox, reasons
from sriov_provider.db.engine import Sessions
from sriov_provider.errors import Code, ProviderError, Reason
from sriov_provider.records import (
    Action,
    AmphoraRecord,
    Job,
    LoadBalancerRecord,
    MemberRecord,
    ObjectType,
    PortRecord,
    PortRole,
)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/p.sqlite"


@pytest.fixture
def config(tmp_path: Path, url: str) -> list[str]:
    path = tmp_path / "octavia.conf"
    path.write_text(f"[sriov_provider]\ndatabase_connection = {url}\n")
    return ["--config-file", str(path)]


@pytest.fixture
def filled(url: str) -> None:
    migrate.upgrade(url)
    sessions = Sessions(url)
    reason = Reason(Code.NO_VF, "No capacity.", "No VF on host1.")
    job = Job("job1", "lb", Action.CREATE, ObjectType.MEMBER, "m")

    def write(session: Session) -> None:
        lb = LoadBalancerRecord("lb", "project", "192.0.2.1", "vip", "s", "n", "direct")
        inventory.save_load_balancer(session, lb)
        amphora = AmphoraRecord(
            *("00000000-0000-4000-8000-00000000000a", "lb"),
            host="host1",
            compute_id="00000000-0000-4000-8000-00000000000b",
            vrrp_port_id="00000000-0000-4000-8000-00000000000c",
            firewall_digest="d" * 64,
        )
        inventory.save_amphora(session, amphora)
        port = PortRecord("row", "lb", "amp", "n", PortRole.VIP, "direct", addresses=(("s", "a"),))
        inventory.save_port(session, port)
        member = MemberRecord("m", "lb", "p", "10.0.0.1", None, failed=True)
        inventory.replace_members(session, "lb", (member,))
        reasons.add(session, reasons.record(ObjectType.MEMBER, "m", "lb", reason, "job0"))
        jobs.enqueue(session, job)
        outbox.put(session, "lb", {"loadbalancers": [{"id": "lb"}]})

    sessions.run(write)
    jobs.claim(sessions, "worker-7", 60)
    sessions.dispose()


def test_db_commands(config: list[str], url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main([*config, "db", "upgrade", "0001"]) == 0
    assert migrate.current(url) == "0001"
    assert main.main([*config, "db", "upgrade"]) == 0
    assert migrate.current(url) == migrate.head()
    capsys.readouterr()
    assert main.main([*config, "db", "current", "-f", "json"]) == 0
    expected = {"current": migrate.head(), "newest": migrate.head()}
    assert json.loads(capsys.readouterr().out) == expected
    assert main.main([*config, "db", "downgrade", "base"]) == 0
    assert migrate.current(url) is None


def test_failures_give_an_exit_code_and_a_sentence(
    config: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main([*config, "db", "upgrade", "9999"]) == 1
    error = capsys.readouterr().err
    assert "configuration: The provider database cannot be migrated" in error
    assert "Traceback" not in error
    assert main.main(["--config-file", "/nonexistent.conf", "db", "current"]) == 1
    assert "/nonexistent.conf" in capsys.readouterr().err


@pytest.mark.usefixtures("filled")
def test_explain_for_machines(config: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main([*config, "explain", "--no-plan", "-f", "json", "lb"]) == 0
    page = json.loads(capsys.readouterr().out)
    assert (page["id"], page["vnic_type"], page["undelivered_statuses"]) == ("lb", "direct", 1)
    assert page["amphorae"][0]["host"] == "host1"
    assert page["ports"][0]["addresses"] == [["s", "a"]]
    assert page["members"][0]["failed"] is True
    [job] = page["jobs"]
    assert (job["id"], job["state"], job["attempt"]) == ("job1", "running", 1)
    assert page["reasons"][0]["operator"] == "No VF on host1."
    assert "plan" not in page
    assert main.main([*config, "explain", "--no-plan", "-f", "yaml", "lb"]) == 0
    assert yaml.safe_load(capsys.readouterr().out) == page


@pytest.mark.usefixtures("filled")
def test_explain_for_people(
    config: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dry_run, "steps", lambda *_args: ["ensure-port", "ensure-rules"])
    assert main.main([*config, "explain", "lb"]) == 0
    out = capsys.readouterr().out
    for text in ("host=host1", "attempt=1", "lease_owner=worker-7", "No VF on host1."):
        assert text in out
    assert "ensure-port" in out
    assert "ensure-rules" in out
    assert max(map(len, out.splitlines())) <= 125


@pytest.mark.usefixtures("filled")
def test_explain_without_octavia_shows_the_rest(
    config: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unavailable(*_args: object) -> list[str]:
        raise ProviderError(Code.CLOUD_ERROR, "down", "the socket is missing")

    monkeypatch.setattr(dry_run, "steps", unavailable)
    assert main.main([*config, "explain", "-f", "json", "lb"]) == 0
    page = json.loads(capsys.readouterr().out)
    assert page["plan"] == ["not available: cloud-error: the socket is missing"]


def test_explain_of_an_unknown_load_balancer(
    config: list[str], url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    migrate.upgrade(url)
    assert main.main([*config, "explain", "nope"]) == 1
    assert "nope" in capsys.readouterr().err


def test_explain_of_a_load_balancer_that_has_only_a_job(url: str) -> None:
    migrate.upgrade(url)
    job = Job("job1", "lb", Action.CREATE, ObjectType.LOADBALANCER, "lb")
    sessions = Sessions(url)
    sessions.run(lambda session: jobs.enqueue(session, job))
    page = explain.columns("lb", sessions.read(lambda session: explain.read(session, "lb")))
    assert "vip_address" not in page
    assert page["jobs"].machine_readable()[0]["attempt"] == 0


def test_worker_runs_until_it_is_told_to_stop(
    config: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def run(files: tuple[str, ...], stop: threading.Event) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        seen.append((files, stop.wait(10)))

    service = types.ModuleType("sriov_provider.worker.service")
    monkeypatch.setattr(service, "run", run, raising=False)
    monkeypatch.setitem(sys.modules, "sriov_provider.worker.service", service)
    monkeypatch.setattr("sriov_provider.worker.service", service, raising=False)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        assert main.main([*config, "worker"]) == 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert seen == [((config[1],), True)]
    assert worker.Worker.__doc__


def test_default_files_are_octavias(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / ".octavia"
    (home / "octavia.conf.d").mkdir(parents=True)
    (home / "octavia.conf").write_text("")
    for name in ("b.conf", "a.conf", "readme"):
        (home / "octavia.conf.d" / name).write_text("")
    monkeypatch.setenv("HOME", str(tmp_path))
    found = main.default_files()
    assert [os.path.relpath(path, home) for path in found] == [
        "octavia.conf",
        "octavia.conf.d/a.conf",
        "octavia.conf.d/b.conf",
    ]


def test_libraries_that_speak_of_themselves_are_silent(
    config: list[str], url: str, tmp_path: Path
) -> None:
    migrate.upgrade(url)
    job = Job("job1", "lb", Action.CREATE, ObjectType.LOADBALANCER, "lb")
    Sessions(url).run(lambda session: jobs.enqueue(session, job))
    with Path(config[1]).open("a") as file:
        file.write("[driver_agent]\n")
        for name in ("status", "stats", "get"):
            file.write(f"{name}_socket_path = {tmp_path}/{name}\n")
    done = subprocess.run(
        [sys.executable, "-m", "sriov_provider.cmd.main", *config, "explain", "lb"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "not available" in done.stdout
    assert done.stderr == ""
