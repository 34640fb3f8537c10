"""``firewall show`` for people and for machines."""

from __future__ import annotations

import dataclasses
import datetime
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from sriov_provider.amphora.base import Endpoint, FirewallState
from sriov_provider.cmd import firewall, main
from sriov_provider.cmd.firewall_page import Told
from sriov_provider.db import firewall_checks, inventory, migrate
from sriov_provider.db.engine import Sessions
from sriov_provider.db.firewall_checks import Look
from sriov_provider.db.types import utcnow
from sriov_provider.firewall.counts import Count, Counters, ListenerCount
from sriov_provider.records import (
    AmphoraRecord,
    AmphoraState,
    LoadBalancerRecord,
    PortRecord,
    PortRole,
    PortState,
)
from sriov_provider.vnic import Filter
from tests.fakes import errors

VIP_MAC, MEMBER_MAC = "fa:16:3e:00:00:01", "fa:16:3e:00:00:02"
LISTENERS = [
    {"id": "web", "protocol": "tcp", "port": 443, "allowed_cidrs": ["192.0.2.0/24", "fd00::/8"]},
    {"id": "dns", "protocol": "udp", "port": 53, "allowed_cidrs": []},
]
AMPHORA = AmphoraRecord(
    "amp-1",
    "lb",
    AmphoraState.READY,
    management_ip="192.0.2.9",
    vrrp_ip="198.51.100.9",
    firewall_digest="d" * 64,
    firewall_document={"version": 1, "interfaces": [], "listeners": LISTENERS},
)
PORTS = (
    PortRecord(
        *("p1", "lb", "amp-1", "net", PortRole.VIP, "direct", PortState.ATTACHED),
        mac=VIP_MAC.upper(),
        filter=Filter.AMPHORA,
        addresses=(("s", "198.51.100.9"), ("s2", "198.51.101.9")),
    ),
    PortRecord(
        *("p2", "lb", "amp-1", "net2", PortRole.MEMBER, "normal", PortState.ATTACHED),
        mac=MEMBER_MAC,
        filter=Filter.NEUTRON,
        addresses=(("s3", "10.0.0.9"),),
    ),
)
STATE = FirewallState(
    "d" * 64,
    Counters(
        {"drop_refused": Count(3, 180), "drop_new": Count(), "pass_neutron": Count(7, 420)},
        {"web": ListenerCount(Count(9, 540), Count(3, 180)), "dns": ListenerCount(None, Count())},
    ),
    table="t" * 64,
    interfaces={VIP_MAC: "eth1", MEMBER_MAC: None},
)


@pytest.fixture
def config(tmp_path: Path) -> list[str]:
    url = f"sqlite:///{tmp_path}/p.sqlite"
    migrate.upgrade(url)
    sessions = Sessions(url)

    def write(session: Session) -> None:
        lb = LoadBalancerRecord("lb", "project", "198.51.100.5", "vip", "s", "n", "direct")
        inventory.save_load_balancer(session, lb)
        inventory.save_amphora(session, AMPHORA)
        for port in PORTS:
            inventory.save_port(session, port)

    sessions.run(write)
    now = datetime.datetime(2030, 1, 1, tzinfo=datetime.timezone.utc)
    (watched,) = sessions.read(firewall_checks.watched)
    firewall_checks.claim(sessions, [watched], now, now)
    sessions.run(lambda s: firewall_checks.settle(s, [Look(watched, utcnow(), True)], now))
    sessions.dispose()
    path = tmp_path / "octavia.conf"
    path.write_text(f"[sriov_provider]\ndatabase_connection = {url}\n")
    return ["--config-file", str(path)]


class Agent:
    """Answers with a state, or does not."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answer: FirewallState | Exception = STATE
        self.asked: list[Endpoint] = []
        self.timeouts: list[float] = []
        monkeypatch.setattr(firewall, "agents", self._agents)

    def _agents(self, _files: object, timeout: float) -> firewall.Ask:
        self.timeouts.append(timeout)
        return self._tell

    def _tell(self, endpoint: Endpoint) -> FirewallState:
        self.asked.append(endpoint)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> Agent:
    return Agent(monkeypatch)


Out = pytest.CaptureFixture[str]


def page(config: list[str], capsys: Out, *options: str) -> dict[str, Any]:
    assert main.main([*config, "firewall", "show", "-f", "json", *options, "lb"]) == 0
    shown: dict[str, Any] = json.loads(capsys.readouterr().out)
    return shown


def text(config: list[str], capsys: Out, *options: str) -> str:
    """The page on one line, without the table's frame."""
    assert main.main([*config, "firewall", "show", *options, "lb"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 125
    return " ".join(" ".join(lines).replace("|", " ").split())


def test_for_machines(config: list[str], agent: Agent, capsys: Out) -> None:
    shown = page(config, capsys, "--timeout", "1.5")
    assert (agent.asked, agent.timeouts) == ([Endpoint("amp-1", "192.0.2.9")], [1.5])
    assert (shown["id"], shown["vip_addresses"]) == ("lb", ["198.51.100.5"])
    (amphora,) = shown["amphorae"]
    assert (amphora["agent"], amphora["rules"]) == ("answers", "recorded")
    assert amphora["digest_recorded"] == amphora["digest_kernel"] == "d" * 64
    assert amphora["table_kernel"] == "t" * 64
    assert amphora["checked_at"] == "2030-01-01T00:00:00+00:00"
    vip, member = shown["interfaces"]
    assert vip == {
        "amphora_id": "amp-1",
        "role": "vip",
        "state": "attached",
        "mac": VIP_MAC,
        "name": "eth1",
        "in_amphora": True,
        "filtered_by": "amphora",
        "addresses": [
            {"address": "198.51.100.5", "role": "vip"},
            {"address": "198.51.100.9", "role": "vrrp"},
            {"address": "198.51.101.9", "role": "member"},
        ],
    }
    assert (member["name"], member["in_amphora"], member["filtered_by"]) == (None, False, "neutron")
    web, dns = shown["listeners"]
    assert (web["allowed_cidrs"], web["accepted"]) == (2, {"packets": 9, "bytes": 540})
    assert (dns["accepted"], dns["refused"]) == (None, {"packets": 0, "bytes": 0})
    assert [(d["reason"], d["packets"]) for d in shown["drops"]] == [("refused", 3), ("new", 0)]
    assert shown["drops"][0]["meaning"] == "client outside allowed_cidrs"


def test_for_people(config: list[str], agent: Agent, capsys: Out) -> None:
    shown = text(config, capsys)
    for words in (
        "amp-1 STANDALONE ready: has the rules on record",
        f"vip port {VIP_MAC} attached, is eth1: filtered by amphora; vip 198.51.100.5, "
        "vrrp 198.51.100.9, member 198.51.101.9",
        f"member port {MEMBER_MAC} attached, is NOT in the amphora: filtered by neutron",
        "tcp 443 (web): 2 allowed CIDRs; accepted 9 packets (540 bytes), refused 3 packets",
        "udp 53 (dns): anybody; accepted not known, refused 0 packets (0 bytes)",
        "refused: 3 packets (180 bytes); client outside allowed_cidrs",
    ):
        assert words in shown
    assert "connection to a port nobody serves" not in shown  # that reason was not met


def test_a_drift_is_plain_to_see(config: list[str], agent: Agent, capsys: Out) -> None:
    agent.answer = dataclasses.replace(STATE, digest="", drifted=True)
    shown = text(config, capsys)
    assert "DRIFTED: its kernel holds other rules than those on record" in shown
    assert "in the kernel none" in shown
    assert page(config, capsys)["amphorae"][0]["rules"] == "drifted"


def test_an_agent_that_does_not_answer(config: list[str], agent: Agent, capsys: Out) -> None:
    agent.answer = errors.unreachable()
    shown = text(config, capsys)
    assert "agent cannot be asked: agent-unreachable" in shown
    assert "what is shown is on record only" in shown
    assert "tcp 443 (web): 2 allowed CIDRs; accepted not known, refused not known" in shown
    assert "name not known: filtered by amphora" in shown
    machine = page(config, capsys)
    assert machine["amphorae"][0]["rules"] == "unknown"
    assert machine["amphorae"][0]["digest_recorded"] == "d" * 64
    assert machine["drops"] == []


def test_nobody_is_asked_if_so_wished(config: list[str], agent: Agent, capsys: Out) -> None:
    assert "agent not asked" in text(config, capsys, "--no-agents")
    assert agent.timeouts == []


def test_which_of_two_amphorae(config: list[str], agent: Agent, capsys: Out) -> None:
    sessions = Sessions(f"sqlite:///{Path(config[1]).parent}/p.sqlite")
    booting = dataclasses.replace(
        AMPHORA, id="amp-2", state=AmphoraState.BOOTING, management_ip=None
    )
    sessions.run(lambda s: inventory.save_amphora(s, booting))
    sessions.dispose()
    shown = text(config, capsys)
    assert "refused 3 packets (180 bytes); amphora amp-1" in shown
    assert "amp-2 STANDALONE booting: agent not asked" in shown
    assert [e.amphora_id for e in agent.asked] == ["amp-1"]


@pytest.mark.parametrize("timeout", ["0", "-1", "inf", "nan", "soon"])
def test_a_timeout_that_is_none(config: list[str], capsys: Out, timeout: str) -> None:
    with pytest.raises(SystemExit):
        main.main([*config, "firewall", "show", f"--timeout={timeout}", "lb"])
    assert "--timeout" in capsys.readouterr().err


def test_an_unknown_load_balancer(config: list[str], capsys: Out) -> None:
    assert main.main([*config, "firewall", "show", "nope"]) == 1
    assert "nope" in capsys.readouterr().err


def test_agents_are_asked_through_the_worker_s_client(config: list[str]) -> None:
    """Nothing listens there: told in a sentence, in time."""
    ask = firewall.agents((config[1],), 0.5)
    amphora = dataclasses.replace(AMPHORA, management_ip="127.0.0.1")
    (told,) = firewall.ask_all([Told(amphora, None)], ask)
    assert told.state is None
    assert told.answer is not None
