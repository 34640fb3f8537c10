"""``amphora failover``, ``drain`` and ``refresh``: arguments, rows, exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from sriov_provider import upkeep
from sriov_provider.cmd import main, rolling
from sriov_provider.db import inventory, jobs, migrate, models, reasons
from sriov_provider.db.engine import Sessions
from sriov_provider.errors import Code, Reason
from sriov_provider.records import (
    Action,
    AmphoraRecord,
    AmphoraState,
    Job,
    JobState,
    LoadBalancerRecord,
    ObjectType,
    PortRecord,
    PortRole,
    PortState,
)
from sriov_provider.rolling import executor
from sriov_provider.rolling.model import Do, Prospect, Room, Step
from tests.fakes.services import Services

NEUTRON, NOVA = "/network/v2.0", "/compute/v2.1"
Out = pytest.CaptureFixture[str]
READY = AmphoraState.READY


def fill(session: Session) -> None:
    """A load balancer with a VF on compute1, one without any on compute2."""
    for lb, host in (("lb-1", "compute1"), ("lb-2", "compute2")):
        record = LoadBalancerRecord(lb, "project", "192.0.2.1", "vip", "s", "net", "direct")
        inventory.save_load_balancer(session, record)
        server = f"server-{lb[-1]}"
        amphora = AmphoraRecord(f"amp-{lb[-1]}", lb, READY, compute_id=server, host=host)
        inventory.save_amphora(session, amphora)
    port = PortRecord("row", "lb-1", "amp-1", "net", PortRole.VIP, "direct", PortState.ATTACHED)
    inventory.save_port(session, port)


@pytest.fixture
def sessions(tmp_path: Path) -> Iterator[Sessions]:
    url = f"sqlite:///{tmp_path}/p.sqlite"
    migrate.upgrade(url)
    made = Sessions(url)
    made.run(fill)
    yield made
    made.dispose()


@pytest.fixture
def cloud() -> Iterator[Services]:
    mapped = {"device_mappings": {"physnet1": ["pf0"]}}
    agents = [
        {"host": f"compute{n}", "alive": True, "admin_state_up": True, "configurations": mapped}
        for n in (1, 2)
    ]
    network = {"id": "net", "provider:physical_network": "physnet1"}
    with Services() as running:
        running.answer("GET", f"{NEUTRON}/agents", {"agents": agents})
        running.answer("GET", f"{NEUTRON}/ports", {"ports": []})
        running.answer("GET", f"{NEUTRON}/networks", {"networks": [network]})
        yield running


def services(cloud: Services, status: str) -> None:
    rows = [
        {"host": "compute1", "state": "up", "status": status},
        {"host": "compute2", "state": "up", "status": "enabled"},
    ]
    cloud.answer("GET", f"{NOVA}/os-services", {"services": rows})


@pytest.fixture
def config(tmp_path: Path, cloud: Services, sessions: Sessions) -> list[str]:
    path = tmp_path / "octavia.conf"
    ours = f"[sriov_provider]\ndatabase_connection = sqlite:///{tmp_path}/p.sqlite\n"
    text = "[DEFAULT]\ntransport_url = fake://\n[controller_worker]\namp_image_tag = amphora\n"
    path.write_text(text + cloud.auth_section() + ours + "vf_totals = physnet1:2\n")
    return ["--config-file", str(path)]


@pytest.fixture
def worker(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A worker that ends each job as it is told."""

    def works(host: str = "compute2", reason: Reason | None = None) -> None:
        def sleep(_seconds: float) -> None:
            job = jobs.claim(sessions, "worker", 60)
            if job is not None:
                sessions.run(lambda session: end(session, job, host, reason))

        monkeypatch.setattr(executor.Rolling.__init__, "__defaults__", (lambda _: None, sleep))

    return works


def end(session: Session, job: Job, host: str, reason: Reason | None) -> None:
    jobs.finish(session, job, JobState.FAILED if reason else JobState.DONE)
    if reason:
        kind, lb = ObjectType.AMPHORA, job.load_balancer_id
        reasons.add(session, reasons.record(kind, job.object_id, lb, reason, job.id))
        return
    inventory.delete_amphora(session, job.object_id)
    for port in session.query(models.Port).all():
        port.amphora_id = "new"
    new = AmphoraRecord("new", job.load_balancer_id, READY, host=host, built_by=job.id)
    inventory.save_amphora(session, new)


def run(config: list[str], capsys: Out, *args: str, code: int = 0) -> tuple[Any, str]:
    """The rows, and what was told beside them."""
    assert main.main([*config, *args, "-f", "json"]) == code
    told = capsys.readouterr()
    return (json.loads(told.out) if told.out else None), told.err


def test_failover(config: list[str], capsys: Out, worker: Callable[..., None]) -> None:
    worker()
    (row,), told = run(config, capsys, "amphora", "failover", "amp-1")
    assert row == {
        **{"amphora": "amp-1", "load_balancer": "lb-1", "role": "STANDALONE", "host": "compute1"},
        **{"why": "asked for", "result": "replaced: by new on compute2"},
        **{"new_amphora": "new", "new_host": "compute2"},
    }
    first, second = told.splitlines()
    assert first.startswith("[1/1] amphora amp-1 of load balancer lb-1 job ")
    assert first.endswith(" waits for a worker")
    assert second == "amphora amp-1 of load balancer lb-1: replaced: by new on compute2"


def test_failover_that_fails(config: list[str], capsys: Out, worker: Callable[..., None]) -> None:
    worker(reason=Reason(Code.NO_VF, "None.", "No VF on compute2."))
    (row,), _ = run(config, capsys, "amphora", "failover", "amp-1", code=1)
    assert row["result"] == "failed: no-vf: No VF on compute2."
    assert row["new_amphora"] is None


def test_failover_without_waiting(config: list[str], capsys: Out, sessions: Sessions) -> None:
    (row,), _ = run(config, capsys, "amphora", "failover", "--no-wait", "amp-1")
    (job,) = sessions.read(lambda s: jobs.unfinished(s, "lb-1"))
    assert row["result"] == f"placed: job {job.id} waits for a worker"
    wanted = (Action.FAILOVER, ObjectType.AMPHORA, "amp-1")
    assert (job.action, job.object_type, job.object_id) == wanted


def test_failover_beside_another_job(config: list[str], capsys: Out, sessions: Sessions) -> None:
    other = upkeep.refresh(AmphoraRecord("amp-1", "lb-1"))
    sessions.run(lambda s: jobs.enqueue(s, other))
    (row,), _ = run(config, capsys, "amphora", "failover", "amp-1", code=1)
    assert row["result"] == (
        f"skipped: load balancer lb-1 is being changed: job {other.id} "
        "(update of amphorae amp-1) waits"
    )


@pytest.mark.parametrize(
    "args", [("amphora", "failover", "nope"), ("refresh", "--lb", "nope")], ids=lambda a: a[0]
)
def test_unknown_ids(config: list[str], capsys: Out, args: tuple[str, ...]) -> None:
    assert main.main([*config, *args]) == 1
    assert "not mention" in capsys.readouterr().err


def test_drain(
    config: list[str], cloud: Services, capsys: Out, worker: Callable[..., None]
) -> None:
    services(cloud, "disabled")
    worker()
    (row,), _ = run(config, capsys, "drain", "compute1")
    assert (row["why"], row["result"]) == ("on compute1", "replaced: by new on compute2")
    rows, told = run(config, capsys, "drain", "compute1")
    assert rows == []
    assert told == "No amphora on record is on host compute1.\n"


def test_drain_of_a_host_that_takes_new_servers(
    config: list[str], cloud: Services, capsys: Out, worker: Callable[..., None]
) -> None:
    services(cloud, "enabled")
    _, told = run(config, capsys, "drain", "compute1", code=1)
    assert "Nova still places new servers on compute1. Disable it first" in told
    (row,), told = run(config, capsys, "drain", "--dry-run", "compute1")
    assert row["result"] == "would be replaced"
    assert row["new_host"] == ["compute2"]
    assert told.startswith("WARNING: Nova still places new servers on compute1.")
    assert told.endswith("Nothing was changed.\n")
    worker(host="compute1")
    (row,), told = run(config, capsys, "drain", "--force", "compute1", code=1)
    assert row["result"] == "in vain: new, built in its place, is on compute1 again"
    assert told.startswith("WARNING: ")


def test_drain_while_nova_does_not_tell(
    config: list[str], cloud: Services, capsys: Out, worker: Callable[..., None]
) -> None:
    cloud.answer("GET", f"{NOVA}/os-services", {"forbidden": {"message": "no", "code": 403}}, 403)
    worker()
    (row,), told = run(config, capsys, "drain", "compute1")
    assert row["new_host"] == "compute2"
    assert told.startswith("WARNING: Nova does not tell whether it places new servers on compute1.")


def test_drain_without_room(config: list[str], cloud: Services, capsys: Out) -> None:
    services(cloud, "disabled")
    taken = {"pci_slot": "0000:81:01.0", "physical_network": "physnet1"}
    ports = [
        {"id": f"theirs-{n}", "binding:host_id": "compute2", "binding:profile": taken}
        for n in (1, 2)
    ]
    for _look in range(4):
        cloud.answer_first("GET", f"{NEUTRON}/ports", {"ports": ports}, 200)
    (row,), _ = run(config, capsys, "drain", "--dry-run", "compute1")
    assert row["result"] == "would be skipped: No other host has 1 VF of physnet1 free."
    (row,), _ = run(config, capsys, "drain", "compute1", code=1)
    assert row["result"] == "skipped: No other host has 1 VF of physnet1 free."


def images(cloud: Services, newest: str) -> None:
    cloud.answer("GET", "/image/v2/images", {"images": [{"id": newest}]})
    rows = [
        {"id": f"server-{n}", "name": "a", "status": "ACTIVE", "image": {"id": image}}
        for n, image in ((1, "old"), (2, "new"))
    ]
    cloud.answer("GET", f"{NOVA}/servers/detail", {"servers": rows})


def test_refresh(config: list[str], cloud: Services, capsys: Out) -> None:
    images(cloud, "new")
    (row,), _ = run(config, capsys, "refresh", "--all", "--dry-run")
    assert (row["amphora"], row["why"]) == ("amp-1", "image old, now new")
    assert row["result"] == "would be replaced"
    rows, _ = run(config, capsys, "refresh", "--lb", "lb-2", "--dry-run", "--image-only")
    assert rows == []


def test_refresh_carried_out(
    config: list[str], cloud: Services, capsys: Out, worker: Callable[..., None]
) -> None:
    images(cloud, "new")
    worker()
    (row,), _ = run(config, capsys, "refresh", "--lb", "lb-1")
    assert row["result"] == "replaced: by new on compute2"
    assert len(cloud.calls(f"{NOVA}/servers/detail", "GET")) == 1


def test_refresh_needs_to_know_of_which(config: list[str], capsys: Out) -> None:
    for args in ((), ("--all", "--lb", "lb-1")):
        with pytest.raises(SystemExit):
            main.main([*config, "refresh", *args])
        assert "--lb" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["-1", "inf", "nan", "soon"])
def test_no_time(config: list[str], capsys: Out, text: str) -> None:
    with pytest.raises(SystemExit):
        main.main([*config, "amphora", "failover", f"--timeout={text}", "amp-1"])
    assert "--timeout" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("step", "prospect", "told"),
    [
        (Step(Do.REPLACE), Prospect(), "would be replaced"),
        (
            Step(Do.REPLACE),
            Prospect(Room.UNKNOWN, why="Who knows."),
            "would be replaced (Who knows.)",
        ),
        (Step(Do.WAIT, "busy"), Prospect(), "would be replaced, after this: busy"),
        (Step(Do.SKIP, "No."), Prospect(Room.NONE), "would be skipped: No."),
        (Step(Do.PASS, "gone"), Prospect(), "no need: gone"),
    ],
)
def test_dry_run_in_words(step: Step, prospect: Prospect, told: str) -> None:
    assert rolling.would(step, prospect) == told
