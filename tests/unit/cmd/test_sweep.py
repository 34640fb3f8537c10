"""``sweep``: rows for people and machines, and what ``--delete`` needs saying."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from sriov_provider.cmd import main
from sriov_provider.db import migrate
from sriov_provider.db.engine import Sessions
from tests.fakes.services import Services
from tests.unit.sweep import world
from tests.unit.sweep.world import GONE, LIVING, NEUTRON, group, port


@pytest.fixture
def cloud() -> Iterator[Services]:
    with Services() as running:
        yield running


@pytest.fixture
def config(tmp_path: Path, cloud: Services) -> list[str]:
    url = f"sqlite:///{tmp_path}/p.sqlite"
    migrate.upgrade(url)
    sessions = Sessions(url)
    sessions.run(world.fill)
    sessions.dispose()
    path = tmp_path / "octavia.conf"
    path.write_text(cloud.auth_section() + f"[sriov_provider]\ndatabase_connection = {url}\n")
    return ["--config-file", str(path)]


def leave_behind(cloud: Services) -> None:
    strays = {"ports": (port("stray"),), "groups": (group("stray-group"),)}
    world.answer(cloud, **{**LIVING, **{k: LIVING[k] + v for k, v in strays.items()}})


def test_a_dry_run_is_the_default(
    config: list[str], cloud: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    leave_behind(cloud)
    assert main.main([*config, "sweep", "-f", "json"]) == 0
    told = capsys.readouterr()
    first, second = json.loads(told.out)
    assert first.pop("age") > 1000
    assert first == {
        **{"finding": "leaked", "kind": "port", "id": "stray", "load_balancer": GONE},
        "name": f"octavia-lb-vrrp-{world.STRAY}",
        "why": "its load balancer is not on record",
        "result": "would be deleted",
    }
    assert second["kind"] == "security-group"
    assert told.err == "Nothing was changed; --delete deletes what is leaked.\n"
    assert cloud.calls(method="DELETE") == []
    assert main.main([*config, "sweep", "-f", "yaml"]) == 0
    assert [row["id"] for row in yaml.safe_load(capsys.readouterr().out)] == [
        *("stray", "stray-group")
    ]


def test_delete(config: list[str], cloud: Services, capsys: pytest.CaptureFixture[str]) -> None:
    leave_behind(cloud)
    assert main.main([*config, "sweep", "--delete", "--no-octavia", "-f", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["id"], row["result"]) for row in rows] == [
        *(("stray", "deleted"), ("stray-group", "deleted"))
    ]


def test_what_cannot_be_deleted_is_an_exit_code(
    config: list[str], cloud: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    leave_behind(cloud)
    busy = {"NeutronError": {"type": "SecurityGroupInUse", "message": "in use"}}
    cloud.answer_first("DELETE", f"{NEUTRON}/security-groups/stray-group", busy, 409)
    assert main.main([*config, "sweep", "--delete", "--no-octavia", "-f", "json"]) == 1
    rows = json.loads(capsys.readouterr().out)
    assert rows[0]["result"] == "deleted"
    assert "SecurityGroupInUse" in rows[1]["result"]


def test_nothing_is_deleted_while_octavia_cannot_be_asked(
    config: list[str], cloud: Services, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leave_behind(cloud)
    sockets = [f"{name}_socket_path = {tmp_path}/{name}" for name in ("status", "stats", "get")]
    with Path(config[1]).open("a") as file:
        file.write("\n".join(["[driver_agent]", *sockets]))
    assert main.main([*config, "sweep", "--delete", "-f", "json"]) == 1
    rows = json.loads(capsys.readouterr().out)
    assert {row["result"].split(":")[1] for row in rows} == {
        " Octavia does not tell whether it has its load balancer"
    }
    assert cloud.calls(method="DELETE") == []


def test_younger_ones_and_other_load_balancers_are_left_out(
    config: list[str], cloud: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    leave_behind(cloud)
    for extra in (["--older-than", "1e12"], ["--load-balancer", world.LIVE]):
        assert main.main([*config, "sweep", *extra, "-f", "json"]) == 0
        told = capsys.readouterr()
        assert json.loads(told.out) == []
        assert told.err == ""


def test_what_is_gone(
    config: list[str], cloud: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    world.answer(cloud, **{**LIVING, "servers": (), "groups": ()})
    assert main.main([*config, "sweep", "--delete", "--no-octavia", "-f", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {(row["finding"], row["id"], row["result"]) for row in rows} == {
        ("missing", "live-server", "fail the load balancer over"),
        ("missing", "live-group", "make the load balancer anew"),
    }


def test_a_leaked_port_that_somebody_else_has_deleted(
    config: list[str], cloud: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    leave_behind(cloud)
    busy = {"NeutronError": {"type": "PortInUse", "message": "in use"}}
    cloud.answer_first("DELETE", f"{NEUTRON}/ports/stray", busy, 409)
    assert main.main([*config, "sweep", "--delete", "--no-octavia"]) == 1
    assert "forgotten" not in capsys.readouterr().err
    cloud.answer_first("GET", f"{NEUTRON}/ports", {"ports": LIVING["ports"]}, 200)
    cloud.answer_first("GET", f"{NEUTRON}/ports/stray", {}, 404)
    assert main.main([*config, "sweep", "--delete", "--no-octavia"]) == 0
    assert "Gone, and forgotten: port stray\n" in capsys.readouterr().err
    assert main.main([*config, "sweep", "--delete", "--no-octavia"]) == 0
    assert "forgotten" not in capsys.readouterr().err


@pytest.mark.parametrize("grace", ["-1", "inf", "nan", "soon"])
def test_no_time(config: list[str], capsys: pytest.CaptureFixture[str], grace: str) -> None:
    with pytest.raises(SystemExit):
        main.main([*config, "sweep", f"--older-than={grace}"])
    assert "--older-than" in capsys.readouterr().err
