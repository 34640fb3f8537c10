from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from sqlalchemy.orm import Session

from sriov_provider.cmd import main
from sriov_provider.db import inventory, migrate
from sriov_provider.db.engine import Sessions
from sriov_provider.records import (
    AmphoraRecord,
    AmphoraState,
    LoadBalancerRecord,
    PortRecord,
    PortRole,
    PortState,
)
from tests.fakes.services import Services

NEUTRON, NOVA = "/network/v2.0", "/compute/v2.1"
PHYSNET = "provider:physical_network"


def _fill(session: Session) -> None:
    """A load balancer with the VFs of two networks on compute1."""
    lb = LoadBalancerRecord("lb", "project", "192.0.2.1", "vip", "s", "net1", "direct")
    inventory.save_load_balancer(session, lb)
    amphora = AmphoraRecord("amp", "lb", AmphoraState.READY, host="compute1")
    inventory.save_amphora(session, amphora)
    for number, role in enumerate((PortRole.VIP, PortRole.MEMBER), 1):
        port = PortRecord(
            *(f"row{number}", "lb", "amp", f"net{number}", role, "direct", PortState.ATTACHED),
            neutron_id=f"port{number}",
        )
        inventory.save_port(session, port)


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/p.sqlite"
    migrate.upgrade(url)
    sessions = Sessions(url)
    sessions.run(_fill)
    sessions.dispose()
    return url


@pytest.fixture
def cloud() -> Iterator[Services]:
    agents = [
        {
            "host": f"compute{n}",
            "alive": True,
            "admin_state_up": True,
            "configurations": {"device_mappings": {"physnet1": ["pf0"]}},
        }
        for n in (1, 2)
    ]
    networks = [{"id": f"net{n}", PHYSNET: "physnet1"} for n in (1, 2)]
    bound = {"pci_slot": "0000:81:01.0", "physical_network": "physnet1"}
    ports = [
        {"id": i, "binding:host_id": "compute1", "binding:profile": bound}
        for i in ("port1", "port2", "theirs")
    ]
    services = [
        {"host": "compute1", "state": "up", "status": "enabled"},
        {"host": "compute2", "state": "down", "status": "enabled"},
    ]
    with Services() as running:
        running.answer("GET", f"{NEUTRON}/agents", {"agents": agents})
        running.answer("GET", f"{NEUTRON}/ports", {"ports": ports})
        running.answer("GET", f"{NEUTRON}/networks", {"networks": networks})
        running.answer("GET", f"{NOVA}/os-services", {"services": services})
        yield running


@pytest.fixture
def config(tmp_path: Path, url: str, cloud: Services) -> list[str]:
    path = tmp_path / "octavia.conf"
    ours = f"[sriov_provider]\ndatabase_connection = {url}\nvf_totals = physnet1:4\n"
    path.write_text(cloud.auth_section() + ours)
    return ["--config-file", str(path)]


def test_for_machines(config: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main([*config, "capacity", "-f", "json"]) == 0
    told = capsys.readouterr()
    first, second = json.loads(told.out)
    zero = {"wanted": 0, "releasing": 0, "leaked": 0}
    assert first == {
        **{"physnet": "physnet1", "host": "compute1", "total": 4, "free": 1},
        **{"vip": 1, "member": 1, "others": 1, **zero, "trouble": [], "unknown": []},
    }
    assert (second["free"], second["trouble"]) == (4, ["its nova-compute is down"])
    assert main.main([*config, "capacity", "-f", "yaml"]) == 0
    assert yaml.safe_load(capsys.readouterr().out) == [first, second]


def test_for_people(config: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main([*config, "capacity", "--host", "compute1"]) == 0
    told = capsys.readouterr()
    assert "compute1" in told.out
    assert "compute2" not in told.out
    assert told.err.splitlines() == [
        "Failovers of load balancers with VFs, one at a time: 0 possible, 1 impossible, 0 unknown",
        "  physnet1: 0 possible, 1 impossible, 0 unknown",
        "No failover of lb: No host has 2 VFs of physnet1 free.",
    ]


def test_failovers(config: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main([*config, "capacity", "failovers", "-f", "json"]) == 0
    [found] = json.loads(capsys.readouterr().out)
    assert found == {
        "load_balancer": "lb",
        "failover": "impossible",
        "strategy": "build_first",
        "amphorae": [
            {
                "amphora_id": "amp",
                "host": "compute1",
                "vfs": [{"physnet": "physnet1", "count": 2}],
            }
        ],
        "hosts": [],
        "reason": "No host has 2 VFs of physnet1 free.",
    }
    assert main.main([*config, "capacity", "failovers"]) == 0
    assert "compute1: 2 x physnet1" in capsys.readouterr().out
    assert main.main([*config, "capacity", "failovers", "--physnet", "x", "-f", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_what_is_not_known_is_null_and_a_question_mark(
    config: list[str], cloud: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = {"message": "gone", "code": 503}
    cloud.answer_first("GET", f"{NEUTRON}/ports", {"NeutronError": gone}, 503)
    assert main.main([*config, "capacity", "-f", "json", "--host", "compute1"]) == 0
    told = capsys.readouterr()
    [row] = json.loads(told.out)
    assert (row["total"], row["others"], row["free"]) == (4, None, None)
    assert row["unknown"] == ["others: the ports of other users cannot be seen"]
    assert "Not known: VFs that others hold: " in told.err
    assert "Not known: others of physnet1 on compute1: " in told.err


def test_without_asking_the_cloud(
    config: list[str], cloud: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main([*config, "capacity", "--no-cloud", "-f", "csv"]) == 0
    told = capsys.readouterr()
    assert cloud.requests == []
    [row] = csv.DictReader(io.StringIO(told.out))
    assert (row["host"], row["vip"], row["member"]) == ("compute1", "1", "1")
    assert "unknown" not in row
    assert "Not known: Neutron, Nova and Placement were not asked" in told.err
    assert main.main([*config, "capacity", "--no-cloud"]) == 0
    assert "| ?       | compute1 | ?     | ?    | 1" in capsys.readouterr().out


@pytest.mark.parametrize("entry", ["physnet1", "physnet1:many", "a/b/physnet1:4", ":4", "p:-1"])
def test_a_total_that_makes_no_sense_is_refused(
    entry: str, config: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with Path(config[1]).open("a") as file:
        file.write(f"vf_totals = {entry}\n")
    assert main.main([*config, "capacity"]) == 1
    assert "vf_totals" in capsys.readouterr().err
