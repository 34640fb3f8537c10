"""The shape of the table. What it does to packets is tested with packets."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings

from amphora_agent_ext import render, schema
from amphora_agent_ext.errors import FirewallError
from amphora_agent_ext.totals import COUNTERS, DROPS
from tests.unit.amphora_agent_ext.bodies import MAC, OTHER_MAC, body, interface, listener, member
from tests.unit.amphora_agent_ext.strategies import documents

NAMES = {MAC: "eth1"}


def rules(text: str) -> list[str]:
    """Lines inside chains."""
    chains = re.findall(r"chain \w+ \{\n(.*?)\n\}", text, re.DOTALL)
    return [line for chain in chains for line in chain.splitlines()]


def test_the_number_of_rules_does_not_depend_on_the_number_of_anything() -> None:
    many = body(
        listeners=[
            listener(
                id=str(p), port=p, allowed_cidrs=[f"10.{2 * p}.0.0/16", f"10.{2 * p + 1}.0.0/17"]
            )
            for p in range(1, 100)
        ],
        members=[member(port=p) for p in range(1, 100)],
    )
    one = listener(allowed_cidrs=["10.0.0.0/16", "10.2.0.0/17"])
    few = render.table(schema.parse(body(listeners=[one])), NAMES)
    assert rules(render.table(schema.parse(many), NAMES)) == rules(few)
    assert len(rules(few)) < 100


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


def test_every_counter_is_there() -> None:
    text = render.table(schema.parse(body()), NAMES)
    for name in COUNTERS:
        assert f"counter {name} {{" in text


def test_a_port_leads_to_where_its_clients_are_judged() -> None:
    listeners = [
        listener(),
        listener(id="b", port=81, allowed_cidrs=["10.0.0.0/8", "::/0"]),
        listener(id="c", port=82, allowed_cidrs=["0.0.0.0/0"]),
    ]
    blocks = render.ruleset(schema.parse(body(listeners=listeners)), NAMES).blocks
    assert blocks["port4"].elements == {
        "tcp . 80": "accept",
        "tcp . 81": "goto source4",
        "tcp . 82": "accept",
    }
    assert blocks["port6"].elements == {
        "tcp . 80": "accept",
        "tcp . 81": "accept",
        "tcp . 82": "goto refuse6",
    }
    for name in ("accepted", "refused"):
        assert list(blocks[name].elements) == ["tcp . 81", "tcp . 82"]


@pytest.mark.parametrize(("count", "size"), [(0, 64), (1, 64), (64, 64), (65, 128), (128, 128)])
def test_a_set_has_room_for_its_elements(count: int, size: int) -> None:
    members = [member(port=port) for port in range(1, count + 1)]
    found = render.ruleset(schema.parse(body(members=members)), NAMES).blocks["back4"]
    assert (len(found.elements), found.size) == (count, size)


def test_drops_are_logged_only_when_asked_for() -> None:
    assert "log" not in render.table(schema.parse(body()), NAMES)
    chains = render.ruleset(schema.parse(body(log=7)), NAMES).chains
    for reason in DROPS:
        limited, counted = chains[f"drop_{reason}"]
        assert limited.startswith("limit rate 7/second ")
        assert f'log prefix "amphora drop {reason}: "' in limited
        assert counted == f"counter name drop_{reason} drop"
    others = [rule for name, rules in chains.items() if name[:5] != "drop_" for rule in rules]
    assert not [rule for rule in others if rule.startswith("counter name drop")]
