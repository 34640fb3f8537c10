"""The calls: what is refused, what is written, and what survives."""

from __future__ import annotations

import json
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from amphora_agent_ext import kernel, model, render, schema
from amphora_agent_ext.apply import Firewall
from tests.functional import netns
from tests.functional.agent.conftest import BASE4, MACS, SERVER4, VIP4, Amphora, document
from tests.functional.agent.packets import frame, tcp

pytestmark = pytest.mark.root

_TABLE = ("inet", render.TABLE)
SYN = frame("eth1", tcp(SERVER4, VIP4, 40000, 80))
REFUSED = frame("eth1", tcp(SERVER4, VIP4, 40000, 443))


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"version": 2, "interfaces": []}, "version"),
        ({"version": 1}, ""),
        ([], ""),
        (document(listeners=[{"id": "x", "protocol": "tcp", "port": 0}]), "listeners/0/port"),
        (document(peers=["198.18.16.10", "nowhere"]), "peers/1"),
    ],
)
def test_a_wrong_document_changes_nothing(ready: Amphora, body: Any, path: str) -> None:
    before, kept = ready.ruleset(), ready.firewall.state.read_text()
    answer = ready.post(body)
    assert answer.status_code == 400
    assert answer.json["path"] == path
    assert answer.json["message"] and answer.json["details"]
    assert (ready.ruleset(), ready.firewall.state.read_text()) == (before, kept)
    assert ready.passes("eth1", SYN)


def test_a_body_that_is_not_json(ready: Amphora) -> None:
    answer = ready.client.post("/1.0/security-group", data="{", content_type="application/json")
    assert (answer.status_code, answer.json["path"]) == (400, "")


@pytest.mark.parametrize("drifted", [False, True])
def test_a_document_the_kernel_refuses_changes_nothing(
    ready: Amphora, monkeypatch: pytest.MonkeyPatch, drifted: bool
) -> None:
    """And what somebody had changed by hand is what the last good document says again."""
    before, kept = ready.ruleset(), ready.firewall.state.read_text()
    if drifted:
        ready.space.nft("flush", "chain", *_TABLE, "vip4")
    with monkeypatch.context() as patch:
        replace = kernel.replace
        sent: list[str] = []

        def refuse(name: str, transaction: str) -> None:
            sent.append(transaction)
            wrong = "echo-request" in transaction
            replace(name, transaction + "no such statement\n" if wrong else transaction)

        patch.setattr(kernel, "replace", refuse)
        answer = ready.post(document(echo=True))
    assert answer.status_code == 500
    assert "syntax error" in answer.json["details"]
    assert ready.firewall.state.read_text() == kept
    assert sorted(ready.ruleset().splitlines()) == sorted(before.splitlines())
    assert (ready.get()["digest"], ready.get()["drifted"]) == (
        model.digest(schema.parse(document())),
        False,
    )
    assert ready.passes("eth1", SYN)


def test_the_digest_is_that_of_the_normalised_document(ready: Amphora) -> None:
    expected = model.digest(schema.parse(document()))
    assert ready.get()["digest"] == expected
    body = document(listeners=list(reversed(document()["listeners"])))
    assert ready.post(body).json["digest"] == expected
    assert ready.post(document(echo=True)).json["digest"] != expected


def test_the_same_document_writes_nothing_unless_the_table_is_gone(ready: Amphora) -> None:
    def generation() -> int:
        return kernel.generation(ready.firewall.netns)

    first = generation()
    assert ready.post(document()).status_code == 200
    assert generation() == first
    assert ready.post(document(echo=True)).status_code == 200
    assert (second := generation()) != first
    ready.space.nft("delete", "table", *_TABLE)
    told = ready.get()
    assert (told["digest"], told["table"], told["drifted"]) == ("", "", True)
    assert ready.post(document(echo=True)).status_code == 200
    assert generation() > second + 1
    assert ready.get()["drifted"] is False
    assert not ready.passes("eth1", REFUSED)


@pytest.mark.parametrize(
    "damage",
    [
        ("add", "set", *_TABLE, "mine", "{ type ipv4_addr; }"),
        ("delete", "chain", *_TABLE, "forward"),
        ("add", "chain", *_TABLE, "forward2", "{ type filter hook forward priority 0; }"),
        ("flush", "chain", *_TABLE, "vip4"),
    ],
)
def test_a_table_changed_by_hand_is_mended_by_the_next_change(
    ready: Amphora, damage: tuple[str, ...]
) -> None:
    if damage[:2] == ("delete", "chain"):
        ready.space.nft("flush", "chain", *damage[2:])
    ready.space.nft(*damage)
    assert ready.post(document(echo=True)).status_code == 200
    assert ready.passes("eth1", SYN)
    assert not ready.passes("eth1", REFUSED)
    assert "chain forward {" in ready.ruleset()


def test_a_table_of_another_edition_is_replaced_whole(
    ready: Amphora, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its base chains may have other names, and drop all when they are empty."""
    other = "table inet amphora_sriov { chain old { type filter hook input priority 0; }; }"
    ready.space.nft(other)
    monkeypatch.setattr(render, "EDITION", render.EDITION + 1)
    assert ready.post(document()).status_code == 200
    assert "chain old" not in ready.ruleset()


def test_two_writers_at_once_leave_one_document(ready: Amphora) -> None:
    """The agent and a person at the console; what is kept is what is in force."""
    documents = [schema.parse(document(echo=echo)) for echo in (True, False)]
    with ThreadPoolExecutor(4) as pool:
        plugs = [pool.submit(ready.firewall.restore) for _ in range(10)]
        states = pool.map(ready.firewall.apply, documents * 10)
        assert len(list(states)) == 20
        assert [plug.result() for plug in plugs] == [None] * 10
    kept = schema.parse(json.loads(ready.firewall.state.read_text()))
    assert ready.get()["digest"] == model.digest(kept)
    assert kept in documents


def test_an_interface_under_another_name_gets_its_rules_again(ready: Amphora) -> None:
    for name, other in (("eth1", "vip1"), ("vip1", "eth1")):
        for words in ((name, "down"), (name, "name", other), (other, "up")):
            ready.space.ip("link", "set", *words)
        assert ready.post(document()).json["interfaces"][MACS["eth1"]] == other
        assert ready.passes("eth1", SYN)
        assert not ready.passes("eth1", REFUSED)


def test_a_mac_address_may_be_written_in_capitals(ready: Amphora) -> None:
    body = document()
    body["interfaces"][0]["mac"] = MACS["eth1"].upper()
    assert ready.post(body).json["digest"] == ready.get()["digest"]
    assert ready.get()["interfaces"][MACS["eth1"]] == "eth1"


def test_interfaces_are_told_by_name(ready: Amphora) -> None:
    named = {MACS[name]: name for name in ("eth1", "eth2", "eth3", "eth5")}
    assert ready.get()["interfaces"] == named


def test_the_stock_agents_table_is_removed(ready: Amphora) -> None:
    stock = (
        "table inet amphora_table { chain c { type filter hook input priority 0; policy drop; }; }"
    )
    ready.space.nft(stock)
    assert ready.post(document(echo=True)).status_code == 200
    assert "amphora_table" not in ready.ruleset()


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_no_connection_is_tracked(amphora: Amphora, protocol: str) -> None:
    listeners = [{"id": "l", "protocol": protocol, "port": 80, "allowed_cidrs": []}]
    assert amphora.post(document(listeners=listeners)).status_code == 200
    amphora.passes("eth1", SYN)
    assert not re.search(r"\bct\b", amphora.ruleset())
    count = "/proc/sys/net/netfilter/nf_conntrack_count"
    assert netns.run("ip", "netns", "exec", amphora.space.name, "cat", count).strip() == "0"


def test_with_lvs_tcp_stays_out_of_connection_tracking(amphora: Amphora) -> None:
    """LVS needs a NAT table, which tracks; here one that tracks all it can."""
    tracking = (
        "table inet nat { chain c { type filter hook prerouting priority 0; ct state new; }; }"
    )
    amphora.space.nft(tracking)
    count = "/proc/sys/net/netfilter/nf_conntrack_count"

    def tracked() -> int:
        return int(netns.run("ip", "netns", "exec", amphora.space.name, "cat", count))

    amphora.space.ip("addr", "add", f"{VIP4}/20", "dev", "eth1")
    amphora.space.ip("route", "add", "198.18.32.0/20", "dev", "eth1")
    server = amphora.space.socket(socket.AF_INET, socket.SOCK_STREAM)
    server.bind((VIP4, 80))
    server.listen()
    tcp_only = [{"id": "t", "protocol": "tcp", "port": 80}]
    try:
        assert amphora.post(document(listeners=tcp_only)).status_code == 200
        amphora.passes("eth1", SYN)
        assert tracked() > 0
        both = [*tcp_only, {"id": "u", "protocol": "udp", "port": 80}]
        assert amphora.post(document(listeners=both)).status_code == 200
        before = tracked()
        amphora.passes("eth1", frame("eth1", tcp(SERVER4, VIP4, 40001, 80)))
        assert tracked() == before
    finally:
        server.close()
        amphora.space.nft("delete", "table", "inet", "nat")
        amphora.space.ip("addr", "del", f"{VIP4}/20", "dev", "eth1")


def test_the_kept_document_is_private(ready: Amphora) -> None:
    kept = ready.firewall.state
    assert kept.stat().st_mode & 0o777 == 0o600
    assert schema.parse(json.loads(kept.read_text())) == schema.parse(document())
    assert [p.name for p in kept.parent.iterdir() if p.name.startswith(".")] == []


def test_rules_are_back_before_the_interface(ready: Amphora, tmp_path: Path) -> None:
    """A reboot: a new namespace, no interface yet, only what is on disk."""
    (tmp_path / "plugged").write_text(f"{MACS['eth1']} eth1\n")
    with netns.namespace("boot") as space, netns.namespace("world") as world:
        firewall = Firewall(space.name, ready.firewall.state, tmp_path / "plugged")
        firewall.restore()
        observer = netns.Observer(space.nft)
        assert firewall.read().interfaces[MACS["eth1"]] is None
        netns.join(space, "eth1", MACS["eth1"], world, "eth1")
        with netns.tap(world, "eth1") as wire:
            assert observer.passes(wire, SYN)
            assert not observer.passes(wire, REFUSED)
            other = frame("eth1", tcp(SERVER4, BASE4, 40000, 80))
            assert not observer.passes(wire, other)


@pytest.mark.parametrize("content", ["", "{", '{"version": 7}', "\udcff"])
def test_a_broken_file_closes_the_amphora(ready: Amphora, content: str) -> None:
    ready.firewall.state.write_text(content, errors="surrogateescape")
    ready.firewall.restore()
    assert ready.get()["digest"] == ""
    assert not ready.passes("eth1", SYN)
    assert ready.post(document()).status_code == 200
    assert ready.passes("eth1", SYN)


def test_a_namespace_that_cannot_be_entered(tmp_path: Path) -> None:
    firewall = Firewall("no-such-namespace", tmp_path / "state.json")
    with pytest.raises(Exception, match="no-such-namespace cannot be entered"):
        firewall.read()
