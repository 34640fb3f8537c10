from __future__ import annotations

import dataclasses

from hypothesis import given

from sriov_provider import tree
from sriov_provider.firewall.document import document, group_rules
from sriov_provider.network.base import GroupRule
from tests.unit.firewall import scenes


def _lb(*listeners: tree.Listener, enabled: bool = True) -> tree.LoadBalancer:
    return tree.LoadBalancer(
        "lb", "project", "192.0.2.5", "p", "s", "n", listeners=listeners, enabled=enabled
    )


def test_open_and_restricted_listeners() -> None:
    lb = _lb(
        tree.Listener("a", "UDP", 53),
        tree.Listener("b", "HTTP", 80, allowed_cidrs=("10.0.0.0/8", "2001:db8::/64")),
        tree.Listener("c", "TCP", 22, allowed_cidrs=("0.0.0.0/0",)),
        tree.Listener("d", "TCP", 23, enabled=False),
    )
    assert group_rules(lb) == (
        GroupRule("IPv4", "tcp", 22),
        GroupRule("IPv4", "tcp", 80, "10.0.0.0/8"),
        GroupRule("IPv4", "udp", 53),
        GroupRule("IPv6", "tcp", 80, "2001:db8::/64"),
        GroupRule("IPv6", "udp", 53),
    )


def test_peers_may_speak_vrrp_and_to_haproxy() -> None:
    lb = _lb(tree.Listener("a", "TCP", 1025, allowed_cidrs=("10.0.0.0/8",)))
    assert group_rules(lb, peers=["192.0.2.10", "2001:db8::a"]) == (
        GroupRule("IPv4", "112", None, "192.0.2.10/32"),
        GroupRule("IPv4", "tcp", 1025, "10.0.0.0/8"),
        GroupRule("IPv4", "tcp", 1026, "192.0.2.10/32"),
        GroupRule("IPv6", "112", None, "2001:db8::a/128"),
        GroupRule("IPv6", "tcp", 1026, "2001:db8::a/128"),
    )


def test_a_disabled_load_balancer_has_no_rules() -> None:
    assert group_rules(_lb(tree.Listener("a", "TCP", 80), enabled=False)) == ()


def test_groups_of_the_user_alone_decide_who_reaches_the_listeners() -> None:
    lb = dataclasses.replace(_lb(tree.Listener("a", "TCP", 80)), vip_sg_ids=("mine",))
    assert group_rules(lb) == ()
    assert group_rules(lb, peers=["192.0.2.10"]) == (
        GroupRule("IPv4", "112", None, "192.0.2.10/32"),
        GroupRule("IPv4", "tcp", 1025, "192.0.2.10/32"),
    )


@given(scenes.load_balancers)
def test_the_same_ports_as_in_the_document(lb: tree.LoadBalancer) -> None:
    rules = group_rules(lb)
    assert len(set(rules)) == len(rules)
    opened = {(i["protocol"], i["port"]) for i in document(lb, [])["listeners"]}
    assert {(r.protocol, r.port) for r in rules} == opened
