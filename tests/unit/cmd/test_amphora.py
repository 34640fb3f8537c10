from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy.orm import Session

from sriov_provider.cmd import amphora, main
from sriov_provider.db import inventory, migrate, models
from sriov_provider.db.engine import Sessions
from sriov_provider.db.types import utcnow
from sriov_provider.records import (
    AmphoraRecord,
    AmphoraState,
    LoadBalancerRecord,
    PortRecord,
    PortRole,
    PortState,
)
from sriov_provider.vnic import Filter
from tests.fakes.services import Services

NOVA = "/compute/v2.1"
EXPIRES = datetime.datetime(2030, 1, 1, tzinfo=datetime.timezone.utc)
Out = pytest.CaptureFixture[str]


def fill(session: Session) -> None:
    for lb in ("lb-1", "lb-2"):
        record = LoadBalancerRecord(lb, "project", "192.0.2.1", "vip", "s", "net", "direct")
        inventory.save_load_balancer(session, record)
    first = AmphoraRecord(
        *("amp-1", "lb-1", AmphoraState.READY, "MASTER", "server-1", "compute1", "192.0.2.9"),
        certificate_expires=EXPIRES,
        firewall_digest="d" * 64,
        firewall_document={"version": 1},
    )
    inventory.save_amphora(session, first)
    inventory.save_amphora(session, AmphoraRecord("amp-2", "lb-1", role="BACKUP"))
    inventory.save_amphora(session, AmphoraRecord("amp-3", "lb-2", host="compute1"))
    port = PortRecord(
        *("row", "lb-1", "amp-1", "net", PortRole.VIP, "direct", PortState.ATTACHED),
        filter=Filter.AMPHORA,
        vif_type="hw_veb",
    )
    inventory.save_port(session, port)
    session.add(
        models.Heartbeat(
            amphora_id="amp-1",
            load_balancer_id="lb-1",
            received_at=utcnow() - datetime.timedelta(seconds=90),
        )
    )


@pytest.fixture
def cloud() -> Iterator[Services]:
    with Services() as running:
        yield running


@pytest.fixture
def config(tmp_path: Path, cloud: Services) -> list[str]:
    url = f"sqlite:///{tmp_path}/p.sqlite"
    migrate.upgrade(url)
    sessions = Sessions(url)
    sessions.run(fill)
    sessions.dispose()
    path = tmp_path / "octavia.conf"
    path.write_text(cloud.auth_section() + f"[sriov_provider]\ndatabase_connection = {url}\n")
    return ["--config-file", str(path)]


def listed(config: list[str], capsys: Out, *extra: str) -> list[dict[str, Any]]:
    assert main.main([*config, "amphora", "list", "-f", "json", *extra]) == 0
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return rows


def test_the_list_for_machines(config: list[str], capsys: Out) -> None:
    first, second, third = listed(config, capsys)
    assert (first["id"], second["id"], third["id"]) == ("amp-2", "amp-1", "amp-3")
    heard = datetime.datetime.fromisoformat(second.pop("heartbeat"))
    assert 89 <= (utcnow() - heard).total_seconds() <= 120
    assert second == {
        **{"id": "amp-1", "load_balancer": "lb-1", "role": "MASTER", "state": "ready"},
        **{"host": "compute1", "management_ip": "192.0.2.9", "compute_id": "server-1"},
        **{"certificate_expires": "2030-01-01T00:00:00+00:00", "firewall_digest": "d" * 64},
        **{"vrrp_ip": None, "agent_version": None, "firewall_checked": None, "ports": 1},
    }
    assert first["heartbeat"] is None


def test_the_list_narrowed(config: list[str], capsys: Out) -> None:
    assert {r["id"] for r in listed(config, capsys, "--lb", "lb-1")} == {"amp-1", "amp-2"}
    assert {r["id"] for r in listed(config, capsys, "--host", "compute1")} == {"amp-1", "amp-3"}
    assert listed(config, capsys, "--lb", "lb-1", "--host", "compute9") == []


def test_the_list_for_people(config: list[str], capsys: Out) -> None:
    assert main.main([*config, "amphora", "list"]) == 0
    out = capsys.readouterr().out
    assert "1 min ago" in out
    assert "firewall_digest" not in out
    assert main.main([*config, "amphora", "list", "--long"]) == 0
    assert "firewall_digest" in capsys.readouterr().out


def test_one_with_its_server(config: list[str], cloud: Services, capsys: Out) -> None:
    server = {
        **{"id": "server-1", "name": "amphora-amp-1", "status": "ACTIVE", "image": {"id": "img"}},
        "OS-EXT-SRV-ATTR:host": "compute2",
    }
    cloud.answer("GET", f"{NOVA}/servers/server-1", {"server": server})
    assert main.main([*config, "amphora", "show", "-f", "yaml", "amp-1"]) == 0
    shown = yaml.safe_load(capsys.readouterr().out)
    assert (shown["host"], shown["server_host"], shown["image_id"]) == (
        *("compute1", "compute2", "img"),
    )
    (port,) = shown["ports"]
    assert (port["role"], port["vnic_type"], port["vif_type"]) == ("vip", "direct", "hw_veb")
    assert main.main([*config, "amphora", "show", "amp-1"]) == 0
    assert "vip port attached: direct, bound as hw_veb" in capsys.readouterr().out


def test_one_whose_server_is_gone_or_was_never_there(
    config: list[str], cloud: Services, capsys: Out
) -> None:
    assert main.main([*config, "amphora", "show", "-f", "json", "amp-1"]) == 0
    assert json.loads(capsys.readouterr().out)["server_status"] == "gone"
    cloud.requests.clear()
    assert main.main([*config, "amphora", "show", "-f", "json", "amp-2"]) == 0
    assert json.loads(capsys.readouterr().out)["server_status"] is None
    assert main.main([*config, "amphora", "show", "--no-cloud", "-f", "json", "amp-1"]) == 0
    assert "server_status" not in json.loads(capsys.readouterr().out)
    assert cloud.requests == []


def test_a_cloud_that_is_away_costs_what_it_knows(
    config: list[str], cloud: Services, capsys: Out
) -> None:
    cloud.refuse_logins()
    assert main.main([*config, "amphora", "show", "-f", "json", "amp-1"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["server_status"].startswith("not known: configuration: ")
    assert shown["host"] == "compute1"


def test_an_unknown_amphora(config: list[str], capsys: Out) -> None:
    assert main.main([*config, "amphora", "show", "nope"]) == 1
    assert "nope" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (-0.4, "0 s ago"),
        (-59, "59 s ago"),
        (-60, "1 min ago"),
        (3599, "in 59 min"),
        (86399, "in 23 h"),
        (30 * 86400, "in 30 d"),
    ],
)
def test_distances(seconds: float, told: str) -> None:
    assert amphora.distance(EXPIRES + datetime.timedelta(seconds=seconds), EXPIRES) == told
