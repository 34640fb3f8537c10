from __future__ import annotations

import datetime

from sriov_provider.amphora.base import Endpoint, FirewallState
from sriov_provider.cmd.checks import amphorae
from sriov_provider.cmd.checks.model import Verdict
from sriov_provider.db.overview import Seen
from tests.fakes import errors

NOW = datetime.datetime(2030, 1, 1, tzinfo=datetime.timezone.utc)


def seen(name: str, heard: float | None = None, days: float | None = None) -> Seen:
    """:param heard: seconds ago
    :param days: until the end of its certificate
    """
    ends = None if days is None else NOW + datetime.timedelta(days=days)
    beat = None if heard is None else NOW - datetime.timedelta(seconds=heard)
    return Seen(
        *(name, "lb", "MASTER", "ready", "server", "host", "192.0.2.9", None, ends, None, None),
        heartbeat=beat,
        firewall_checked=None,
        ports=0,
    )


def answers(endpoint: Endpoint) -> FirewallState:
    if endpoint.amphora_id.startswith("dead"):
        raise errors.unreachable()
    return FirewallState("")


def test_agents() -> None:
    told = amphorae.ask_agents([seen("a"), seen("b")], answers)
    assert (told.verdict, told.detail) == (Verdict.OK, "2 of 2 asked answer")
    told = amphorae.ask_agents([seen("a"), seen("dead")], answers)
    assert told.verdict is Verdict.WARN
    assert told.detail.startswith("1 of 2 asked answer; dead: agent-unreachable: ")
    assert amphorae.ask_agents([seen("dead")], answers).verdict is Verdict.FAIL
    many = amphorae.ask_agents([seen(f"dead{n}") for n in range(7)], answers)
    assert many.detail.endswith("; and 2 more")


def test_heartbeats() -> None:
    def judge(*serving: Seen, heard: bool = True) -> tuple[Verdict, str]:
        told = amphorae.judge_heartbeats(serving, NOW, 60.0, heard)
        return told.verdict, told.detail

    assert judge(seen("a", 1), heard=False) == (Verdict.WARN, "nobody listens for them")
    assert judge() == (Verdict.OK, "no amphora serves")
    assert judge(seen("a", 60)) == (Verdict.OK, "1 amphorae were heard within 60 s")
    verdict, detail = judge(seen("a", 60), seen("b", 61), seen("c"))
    assert (verdict, detail) == (Verdict.WARN, "2 of 3 amphorae not heard for 60 s: b; c")
    assert judge(seen("b", 61))[0] is Verdict.FAIL


def test_certificates() -> None:
    def judge(*serving: Seen) -> tuple[Verdict, str]:
        told = amphorae.judge_certificates(serving, NOW, 14 * 86400.0)
        return told.verdict, told.detail

    assert judge() == (Verdict.OK, "0 are renewed in time")
    assert judge(seen("a", days=7), seen("b")) == (Verdict.OK, "1 are renewed in time")
    late = judge(seen("a", days=6.9), seen("b", days=300))
    assert late == (Verdict.WARN, "1 of 2 end within 7 days: a")
    assert judge(seen("a", days=1), seen("b", days=0)) == (Verdict.FAIL, "1 of 2 have ended: b")
