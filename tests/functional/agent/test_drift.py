"""What the kernel holds is told, not what was sent; what somebody else changed is mended."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from amphora_agent_ext import kernel, netlink, render
from amphora_agent_ext.memory import Memory
from tests.functional.agent.conftest import PEER4, SERVER4, VIP4, Amphora, document
from tests.functional.agent.packets import frame, tcp

pytestmark = pytest.mark.root

_TABLE = ("inet", render.TABLE)
SYN = frame("eth1", tcp(SERVER4, VIP4, 40000, 80))
REFUSED = frame("eth1", tcp(SERVER4, VIP4, 40000, 443))
OPENED = "{ type filter hook prerouting priority -300; policy accept; }"

DAMAGES = {
    "an element less": [("delete", "element", *_TABLE, "port4", "{ tcp . 80 }")],
    "an element more": [("add", "element", *_TABLE, "source4_8", "{ 11.0.0.0 . tcp . 443 }")],
    "another element": [
        ("delete", "element", *_TABLE, "peers4", f"{{ {PEER4} }}"),
        ("add", "element", *_TABLE, "peers4", "{ 198.18.16.11 }"),
    ],
    "another verdict": [
        ("delete", "element", *_TABLE, "port4", "{ tcp . 443 }"),
        ("add", "element", *_TABLE, "port4", "{ tcp . 443 : accept }"),
    ],
    "a rule more": [("insert", "rule", *_TABLE, "pre", "accept")],
    "a rule less": [("flush", "chain", *_TABLE, "vip4")],
    "another policy": [("chain", *_TABLE, "pre", OPENED)],
    "a chain more": [("add", "chain", *_TABLE, "mine")],
    "a set more": [("add", "set", *_TABLE, "mine", "{ type ipv4_addr; }")],
    "no rules": [("flush", "table", *_TABLE)],
    "asleep": [("add", "table", *_TABLE, "{ flags dormant; }")],
    "no table": [("delete", "table", *_TABLE)],
    "the stock table": [("add", "table", "inet", render.STOCK_TABLE)],
}


@pytest.fixture(params=[False, True], ids=["same agent", "agent restarted"])
def restarted(ready: Amphora, request: pytest.FixtureRequest) -> Iterator[Amphora]:
    """The amphora, whose agent may know no more than what is on disk."""
    if request.param:
        object.__setattr__(ready.firewall, "memory", Memory())
    else:
        assert ready.get()["drifted"] is False
    yield ready


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_change_by_hand_is_seen_and_the_same_document_mends_it(
    restarted: Amphora, damage: str
) -> None:
    before = state(restarted)
    for words in DAMAGES[damage]:
        restarted.space.nft(*words)
    told = state(restarted)
    assert (told["digest"], told["drifted"]) == ("", True)
    assert told["table"] != before["table"]
    assert restarted.post(document()).json["drifted"] is False
    assert state(restarted) == before
    assert restarted.passes("eth1", SYN)
    assert not restarted.passes("eth1", REFUSED)


def test_a_change_that_is_taken_back_is_none(restarted: Amphora) -> None:
    before = state(restarted)
    restarted.space.nft("delete", "element", *_TABLE, "back4", f"{{ {SERVER4} . tcp . 8080 }}")
    assert state(restarted)["drifted"] is True
    restarted.space.nft("add", "element", *_TABLE, "back4", f"{{ {SERVER4} . tcp . 8080 }}")
    assert state(restarted) == before


def test_traffic_and_other_tables_are_no_drift(restarted: Amphora) -> None:
    before = state(restarted)
    restarted.passes("eth1", SYN)
    restarted.passes("eth1", REFUSED)
    restarted.space.nft("add", "table", "ip", "somebodys")
    assert state(restarted) == before


def test_the_table_is_not_read_again_while_no_ruleset_changes(
    ready: Amphora, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[int] = []
    dump = netlink.dump

    def counted(*arguments: Any) -> list[bytes]:
        reads.append(arguments[1])
        return dump(*arguments)

    before = state(ready)
    monkeypatch.setattr(netlink, "dump", counted)
    assert state(ready) == before
    assert reads == []
    ready.space.nft("add", "table", "ip", "somebody_elses")
    assert state(ready) == before
    assert netlink.GET_ELEMENTS in reads


def test_what_is_read_while_it_changes_is_read_again(
    ready: Amphora, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody changes the ruleset between two parts of the listing."""
    expected = kernel.fingerprint(ready.firewall.netns)[1]
    dump, changes = netlink.dump, iter(range(2))

    def disturbed(*arguments: Any) -> list[bytes]:
        for number in changes:
            ready.space.nft("add", "table", "ip", f"busy{number}")
            if number:
                raise netlink.Interrupted
            break
        return dump(*arguments)

    monkeypatch.setattr(netlink, "dump", disturbed)
    assert kernel.fingerprint(ready.firewall.netns)[1] == expected
    assert next(changes, None) is None


def test_without_the_record_nobody_knows(ready: Amphora) -> None:
    """A disk that was full, a crash in between: the document is applied again."""
    before = state(ready)
    ready.firewall.state.with_suffix(".applied").write_text("{")
    assert state(ready)["drifted"] is True
    assert ready.post(document()).status_code == 200
    assert state(ready) == before


def test_counters_go_on_after_a_repair(ready: Amphora) -> None:
    ready.passes("eth1", REFUSED)
    ready.space.nft("flush", "chain", *_TABLE, "vip4")
    assert ready.post(document()).status_code == 200
    ready.passes("eth1", REFUSED)
    assert ready.dropped("refused") == 2
    assert ready.get()["counters"]["listeners"]["restricted"]["refused"]["packets"] == 2


def test_a_new_namespace_counts_from_zero(ready: Amphora) -> None:
    ready.passes("eth1", REFUSED)
    ready.space.nft("delete", "table", *_TABLE)
    ready.firewall.restore()
    assert ready.dropped("refused") == 0


def state(amphora: Amphora) -> dict[str, Any]:
    """All but the counters."""
    answer = amphora.client.get("/1.0/security-group?counters=false")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json
    assert found.pop("changed_files") == []
    assert set(found) == {"digest", "table", "drifted", "interfaces"}
    return found
