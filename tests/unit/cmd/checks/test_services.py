"""Each service there, away and wrong; the whole command."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from octavia_lib.api.drivers import exceptions as lib_exceptions

from sriov_provider import config
from sriov_provider.cmd import firewall, main
from sriov_provider.cmd.checks import amphorae, model, services
from sriov_provider.cmd.checks.model import Verdict
from sriov_provider.config import Sockets
from sriov_provider.db import inventory, migrate
from sriov_provider.db.engine import Sessions
from sriov_provider.records import AmphoraRecord, AmphoraState, LoadBalancerRecord
from sriov_provider.status.agent_client import AgentClient
from tests.fakes.services import Services

NEUTRON, NOVA, GLANCE = "/network/v2.0", "/compute/v2.1", "/image/v2"
PASSWORD = "open-sesame"


@pytest.fixture
def cloud() -> Iterator[Services]:
    network = {"network": {"id": "net", "name": "n", "provider:network_type": "vlan"}}
    with Services() as running:
        running.answer("GET", f"{NEUTRON}/networks/net", network)
        running.answer("GET", f"{NOVA}/flavors/amp", {"flavor": {"id": "amp"}})
        running.answer("GET", f"{GLANCE}/images", {"images": [{"id": "image-1"}]})
        yield running


@pytest.fixture
def path(tmp_path: Path, cloud: Services) -> Path:
    made = tmp_path / "octavia.conf"
    text = f"""[DEFAULT]
transport_url = fake://u:{PASSWORD}@nowhere/
[controller_worker]
amp_boot_network_list = net
amp_flavor_id = amp
amp_image_tag = amphora
[driver_agent]
status_socket_path = {tmp_path}/status
stats_socket_path = {tmp_path}/stats
get_socket_path = {tmp_path}/get
[sriov_provider]
database_connection = sqlite:///{tmp_path}/p.sqlite
"""
    made.write_text(text + cloud.auth_section().replace("= secret", f"= {PASSWORD}"))
    return made


def results(path: Path) -> dict[str, model.Result]:
    settings = config.settings(config.parse([str(path)]))
    return dict(model.run(services.checks(settings), 30))


def test_all_but_the_driver_agent(path: Path, tmp_path: Path) -> None:
    migrate.upgrade(f"sqlite:///{tmp_path}/p.sqlite")
    told = results(path)
    failed = {name for name, r in told.items() if r.verdict is not Verdict.OK}
    assert failed == {"driver-agent get", "driver-agent status", "driver-agent stats"}
    assert f"{tmp_path}/status is missing" in told["driver-agent get"].detail
    assert told["database revision"].detail == f"{migrate.head()}, the newest"
    assert told["Keystone"].detail == "the credentials are of project p"
    assert told["Nova"].detail == "answers, flavor amp found"
    assert told["image"].detail == "image image-1 is the newest tagged amphora"


def test_a_database_that_is_not_there_stays_so(path: Path, tmp_path: Path) -> None:
    told = results(path)
    assert told["database"].verdict is told["database revision"].verdict is Verdict.FAIL
    assert not (tmp_path / "p.sqlite").exists()


def test_tables_of_another_release(path: Path, tmp_path: Path) -> None:
    migrate.upgrade(f"sqlite:///{tmp_path}/p.sqlite", "0001")
    told = results(path)
    assert told["database"].verdict is Verdict.OK
    assert told["database revision"] == model.fail(
        f"0001, the newest is {migrate.head()}", "run: sriov-provider db upgrade"
    )


def test_a_password_of_the_database_is_not_shown() -> None:
    told = model.run(
        [model.Check("x", lambda: services._database(f"mysql://u:{PASSWORD}@127.0.0.1:1/d"), "")],
        30,
    )
    assert told[0][1].verdict is Verdict.FAIL
    assert PASSWORD not in told[0][1].detail


def test_wrong_credentials(path: Path, cloud: Services) -> None:
    cloud.refuse_logins()
    told = results(path)
    for name in ("Keystone", "Neutron", "Nova", "image"):
        assert told[name].verdict is Verdict.FAIL
        assert "configuration: " in told[name].detail
        assert "[service_auth]" in told[name].advice or name == "image"


@pytest.mark.parametrize(
    ("name", "request_path", "answer", "words"),
    [
        ("Neutron", f"{NEUTRON}/networks/net", (404, {}), "no network net"),
        ("Neutron", f"{NEUTRON}/networks/net", (200, {"network": {"id": "net"}}), "shows these"),
        ("Neutron", f"{NEUTRON}/networks/net", (503, {}), "503"),
        ("Nova", f"{NOVA}/flavors/amp", (404, {}), "no flavor amp"),
        ("Nova", f"{NOVA}/flavors/amp", (500, {}), "500"),
        ("image", f"{GLANCE}/images", (200, {"images": []}), "no active image tagged 'amphora'"),
    ],
)
def test_what_is_missing(
    path: Path,
    cloud: Services,
    name: str,
    request_path: str,
    answer: tuple[int, Any],
    words: str,
) -> None:
    cloud.answer_first("GET", request_path, answer[1], answer[0])
    told = results(path)[name]
    assert told.verdict is not Verdict.OK
    assert words in told.detail
    assert told.advice


def test_nothing_is_configured(path: Path, cloud: Services) -> None:
    kept = [line for line in path.read_text().splitlines() if not line.startswith("amp_")]
    path.write_text("\n".join(kept))
    cloud.answer("GET", f"{NEUTRON}/networks", {"networks": []})
    cloud.answer("GET", f"{NOVA}/flavors", {"flavors": []})
    told = results(path)
    assert told["Neutron"].verdict is told["Nova"].verdict is Verdict.OK
    assert told["image"].detail == "no tag is set"


def test_a_broker_that_takes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services.Client, "wake", lambda *_a: False)
    told = services._bus(())
    assert told.verdict is Verdict.FAIL
    assert "by polling" in told.detail


def _raise(error: Exception) -> Callable[..., None]:
    def tell(*_arguments: object) -> None:
        raise error

    return tell


def test_answers_of_the_driver_agent() -> None:
    assert services._answered(lambda: None).verdict is Verdict.OK
    refused = lib_exceptions.UpdateStatusError(fault_string="database away")
    told = services._answered(_raise(refused))
    assert (told.verdict, told.detail) == (Verdict.FAIL, "answers: database away")
    told = services._answered(_raise(lib_exceptions.DriverAgentTimeout(fault_string="late")))
    assert told.detail.startswith("no answer: ")


def test_nothing_is_told_to_the_driver_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    agent = AgentClient(Sockets(), wait=0)
    monkeypatch.setattr(agent, "update_status", told.append)
    monkeypatch.setattr(agent, "update_statistics", told.append)
    monkeypatch.setattr(agent, "get_tree", lambda _id: None)
    for look in (services._get, services._status, services._stats):
        assert look(agent).verdict is Verdict.OK
    assert told == [{}, {"listeners": []}]


def test_the_command(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    migrate.upgrade(f"sqlite:///{tmp_path}/p.sqlite")
    assert main.main(["--config-file", str(path), "check", "-f", "json"]) == 1
    told = capsys.readouterr()
    rows = json.loads(told.out)
    verdicts = {row["check"]: row["verdict"] for row in rows}
    assert verdicts["options"] == "fail"
    assert verdicts["Nova"] == "ok"
    assert verdicts["agents"] == "ok"
    assert verdicts["heartbeats"] == "warn"
    assert all(row["todo"] for row in rows if row["verdict"] != "ok")
    assert PASSWORD not in told.out + told.err


def test_the_command_when_nothing_failed(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    good = [("a", model.ok("fine")), ("b", model.warn(f"hm {PASSWORD}", "look"))]
    monkeypatch.setattr(model, "run", lambda _checks, _timeout: good)
    assert main.main(["--config-file", str(path), "check", "--timeout", "1"]) == 0
    out = capsys.readouterr().out
    assert "hm ***" in out
    with pytest.raises(SystemExit):
        main.main(["--config-file", str(path), "check", "--timeout", "0"])


def test_serving_amphorae_are_asked(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/p.sqlite"
    migrate.upgrade(url)
    sessions = Sessions(url)
    lb = LoadBalancerRecord("lb", "project", "192.0.2.1", "vip", "s", "n", "direct")
    sessions.run(lambda s: inventory.save_load_balancer(s, lb))
    for name, state in (("a", AmphoraState.READY), ("b", AmphoraState.BOOTING)):
        record = AmphoraRecord(name, "lb", state, management_ip="192.0.2.9")
        sessions.run(lambda s, r=record: inventory.save_amphora(s, r))
    sessions.dispose()
    monkeypatch.setattr(firewall, "agents", lambda _files, _patience: lambda _endpoint: None)
    told = {c.name: c.look() for c in amphorae.checks(config.settings(config.parse([str(path)])))}
    assert told["agents"].detail == "1 of 1 asked answer"


@pytest.mark.parametrize(
    ("ahead", "verdict", "detail"),
    [
        (1.9, model.Verdict.OK, "1.9 s ahead of the database's"),
        (-2.1, model.Verdict.WARN, "2.1 s behind the database's"),
        (30.0, model.Verdict.FAIL, "30.0 s ahead of the database's: workers take jobs"),
        (-31.0, model.Verdict.FAIL, "31.0 s behind the database's: workers take jobs"),
    ],
)
def test_clocks(ahead: float, verdict: model.Verdict, detail: str) -> None:
    told = services.judge_clock(ahead, 60)
    assert told.verdict is verdict
    assert told.detail.startswith(detail)
