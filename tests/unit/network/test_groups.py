from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sriov_provider.network import groups
from sriov_provider.network.base import GroupRule


def shown(rule: GroupRule, rule_id: str = "r") -> dict[str, Any]:
    """A rule as Neutron shows it."""
    body = groups.request("sg", rule)
    empty = {"port_range_min": None, "port_range_max": None, "remote_ip_prefix": None}
    return {"id": rule_id, "remote_group_id": None, **empty, **body}


RULE = st.builds(
    GroupRule,
    st.sampled_from(["IPv4", "IPv6"]),
    st.sampled_from(["tcp", "udp", "sctp", "112"]),
    st.one_of(st.none(), st.integers(1, 65535)),
    st.one_of(st.none(), st.ip_addresses(v=4).map(lambda a: f"{a}/24")),
).map(groups.normal)


@given(st.lists(RULE), st.lists(RULE))
def test_applying_the_change_gives_exactly_what_is_wanted(
    present: list[GroupRule], wanted: list[GroupRule]
) -> None:
    rows = [shown(rule, str(n)) for n, rule in enumerate(present)]
    change = groups.compare(rows, wanted)
    left = [rule for n, rule in enumerate(present) if str(n) not in change.surplus]
    result = [*left, *change.missing]
    assert sorted(map(str, result)) == sorted(map(str, set(wanted)))


@given(st.lists(RULE))
def test_nothing_to_do_when_all_is_there(rules: list[GroupRule]) -> None:
    rows = [shown(rule, str(n)) for n, rule in enumerate(dict.fromkeys(rules))]
    assert groups.compare(rows, rules) == groups.Change((), ())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (GroupRule("IPv4", "6", 80), GroupRule("IPv4", "TCP", 80)),
        (GroupRule("IPv4", "vrrp"), GroupRule("IPv4", "112")),
        (GroupRule("IPv4", "tcp", 80, "0.0.0.0/0"), GroupRule("IPv4", "tcp", 80)),
        (GroupRule("IPv4", "tcp", 80, "10.0.0.5"), GroupRule("IPv4", "tcp", 80, "10.0.0.5/32")),
        (
            GroupRule("IPv6", "tcp", 1, "2001:DB8::/32"),
            GroupRule("IPv6", "tcp", 1, "2001:db8::/32"),
        ),
    ],
)
def test_spellings_of_the_same_rule(one: GroupRule, other: GroupRule) -> None:
    assert groups.compare([shown(one)], [other]) == groups.Change((), ())


@pytest.mark.parametrize(
    "foreign",
    [
        {"port_range_min": 80, "port_range_max": 90},
        {"remote_group_id": "default"},
        {"remote_address_group_id": "x"},
        {"protocol": None},
    ],
)
def test_rules_of_a_shape_we_never_make_are_surplus(foreign: dict[str, Any]) -> None:
    row = shown(GroupRule("IPv4", "tcp", 80)) | foreign
    wanted = [GroupRule("IPv4", "tcp", 80)]
    assert groups.compare([row], wanted) == groups.Change(tuple(wanted), ("r",))


def test_prefix_of_a_request_is_one() -> None:
    body = groups.request("sg", GroupRule("IPv4", "udp", 53, "10.0.0.0/8"))
    assert ipaddress.ip_network(body["remote_ip_prefix"]).prefixlen == 8
    assert (body["port_range_min"], body["port_range_max"]) == (53, 53)
