"""The shape of the table. What it does to packets is tested with packets."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings

from amphora_agent_ext import model, render, schema
from amphora_agent_ext.errors import FirewallError
from amphora_agent_ext.sets import INTERVALS
from amphora_agent_ext.totals import COUNTERS, Count, Totals
from tests.unit.amphora_agent_ext.bodies import MAC, OTHER_MAC, body, interface, listener, member
from tests.unit.amphora_agent_ext.strategies import documents

NAMES = {MAC: "eth1"}


def rules(text: str) -> list[str]:
    """Lines inside chains."""
    chains = re.findall(r"chain \w+ \{\n(.*?)\n  \}", text, re.DOTALL)
    return [line for chain in chains for line in chain.splitlines()]


def test_the_number_of_rules_does_not_depend_on_the_number_of_anything() -> None:
    many = body(
        listeners=[
            listener(id=str(p), port=p, allowed_cidrs=[f"10.{p}.0.0/16", f"192.0.2.{p}"])
            for p in range(1, 100)
        ],
        members=[member(port=p) for p in range(1, 100)],
    )
    few = render.table(schema.parse(body()), NAMES)
    assert rules(render.table(schema.parse(many), NAMES)) == rules(few)
    assert len(rules(few)) < 80


@given(given_body=documents())
@settings(max_examples=30)
def test_nothing_is_tracked(given_body: dict[str, Any]) -> None:
    document = schema.parse(given_body)
    text = render.table(document, {i.mac: "eth1" for i in document.interfaces[:1]})
    assert not re.search(r"\bct\b", text)
    assert ("notrack" in text) is document.lvs


def test_default_deny_comes_first_in_the_hook() -> None:
    text = render.table(None, {})
    assert "type filter hook prerouting priority raw; policy drop;" in text
    assert "type filter hook forward priority filter; policy drop;" in text


def test_the_transaction_replaces_both_tables() -> None:
    lines = render.transaction(render.table(None, {})).splitlines()
    assert lines[:5] == [
        "table inet amphora_sriov {}",
        "delete table inet amphora_sriov",
        "table inet amphora_table {}",
        "delete table inet amphora_table",
        "table inet amphora_sriov {",
    ]


def refill(before: model.Document, after: model.Document) -> list[str]:
    text = render.table(after, {})
    return render.refill(text, before, after).removesuffix(text).splitlines()


def test_a_refill_keeps_chains_and_maps_and_makes_plain_sets_anew() -> None:
    nothing = model.Document()
    lines = refill(nothing, nothing)
    assert lines[:3] == [
        "table inet amphora_table {}",
        "delete table inet amphora_table",
        "flush table inet amphora_sriov",
    ]
    kinds = {tuple(line.split()[:2]) for line in lines[3:]}
    assert kinds == {("flush", "map"), ("delete", "set")}
    text = render.table(nothing, {})
    kept = len(INTERVALS)
    assert len(lines) - 3 == text.count("\n  set ") + text.count("\n  map ") - kept


def test_a_refill_takes_out_the_networks_that_are_gone() -> None:
    def restricted(*networks: str) -> model.Document:
        listener = {"id": "x", "protocol": "tcp", "port": 80, "allowed_cidrs": list(networks)}
        return schema.parse(body(listeners=[listener]))

    before = restricted("10.0.0.0/8", "192.0.2.0/24", "2001:db8::/32")
    lines = refill(before, restricted("192.0.2.0/24", "198.51.100.0/24"))
    assert [line for line in lines if "element" in line] == [
        "delete element inet amphora_sriov allow4 { 10.0.0.0/8 . tcp . 80 }",
        "delete element inet amphora_sriov allow6 { 2001:db8::/32 . tcp . 80 }",
    ]


def test_a_large_set_that_loses_much_is_made_anew() -> None:
    many = [f"10.{n // 200}.{n % 200}.0/25" for n in range(1000)]
    listener = {"id": "x", "protocol": "tcp", "port": 80, "allowed_cidrs": many}
    before = schema.parse(body(listeners=[listener]))
    lines = refill(
        before, schema.parse(body(listeners=[{**listener, "allowed_cidrs": many[:900]}]))
    )
    assert "delete set inet amphora_sriov allow4" in lines
    lines = refill(
        before, schema.parse(body(listeners=[{**listener, "allowed_cidrs": many[:960]}]))
    )
    assert "delete set inet amphora_sriov allow4" not in lines


def test_the_mark_fits_into_a_comment() -> None:
    assert len(str(render.mark(schema.parse(body()), NAMES))) < 128


@pytest.mark.parametrize("name", ["eth1*", 'eth1"', "a b", "", "a" * 16, "eth1\n"])
def test_a_name_that_means_something_to_nft_is_refused(name: str) -> None:
    with pytest.raises(FirewallError):
        render.table(schema.parse(body()), {MAC: name})


def test_roles_follow_interface_and_address() -> None:
    there = interface(mac=OTHER_MAC, vips=[], addresses=["198.18.32.9"])
    document = schema.parse(body(interfaces=[interface(), there]))
    text = render.table(document, {MAC: "eth1", OTHER_MAC: "eth2"})
    assert '"eth1" . 198.18.16.5 : goto vip4' in text
    assert '"eth1" . 198.18.16.9 : goto vrrp4' in text
    assert '"eth2" . 198.18.32.9 : goto member4' in text


@pytest.mark.parametrize("who", ["neutron", "drop"])
def test_addresses_have_a_role_only_where_we_filter(who: str) -> None:
    text = render.table(schema.parse(body(interfaces=[interface(filter=who)])), NAMES)
    assert "198.18.16.5 :" not in text
    assert f'"eth1" : goto {"neutron" if who == "neutron" else "undecided"}' in text


def test_counters_start_with_what_was_counted() -> None:
    totals = Totals(
        {"drop_new": Count(3, 180)}, {("tcp", 80): Count(5, 300), ("tcp", 9): Count(1, 1)}
    )
    text = render.table(schema.parse(body()), NAMES, totals)
    assert "counter drop_new { packets 3 bytes 180 }" in text
    assert "tcp . 80 counter packets 5 bytes 300" in text
    assert "tcp . 9 " not in text
    for name in COUNTERS:
        assert f"counter {name} {{" in text


def test_the_mark_tells_document_and_names() -> None:
    document = schema.parse(body())
    text = render.table(document, NAMES, Totals({"drop_new": Count(3, 180)}))
    mark = render.Mark.find(text)
    assert mark == render.mark(document, NAMES)
    assert mark != render.mark(document, {MAC: "eth2"})
    assert mark != render.mark(schema.parse(body(echo=True)), NAMES)
    assert render.mark(None, {}).document == ""
    assert render.Mark.find("table inet amphora_sriov { }") is None
