"""Which kinds of port cannot be had together."""

from __future__ import annotations

from typing import Any

import pytest

from sriov_provider import kinds, tree, vnic
from sriov_provider.errors import Code
from sriov_provider.records import LoadBalancerRecord

FLAVOR = {"sriov_vip": True, "allow_member_sriov": True}


def record(**flavor: Any) -> LoadBalancerRecord:
    return LoadBalancerRecord("lb", "p", "192.0.2.5", "port", "sub", "vip-net", flavor=flavor)


def balancer(**flavor: Any) -> tree.LoadBalancer:
    return tree.LoadBalancer("lb", "p", "192.0.2.5", "port", "sub", "vip-net", flavor=flavor)


def member(vnic_type: str = "direct") -> tree.Member:
    return tree.Member("m", "pool", "198.51.100.1", 80, "sub", vnic_type=vnic_type)


@pytest.mark.parametrize(
    ("flavor", "vip", "sriov_member"),
    [
        ({}, "normal", "direct"),
        ({"sriov_vip": False, "vip_vnic_type": "macvtap"}, "normal", "direct"),
        ({"sriov_vip": True}, "direct", "direct"),
        ({"sriov_vip": True, "vip_vnic_type": "vdpa"}, "vdpa", "direct"),
        ({"member_vnic_type": "macvtap"}, "normal", "macvtap"),
    ],
)
def test_kinds_of_a_flavor(flavor: dict[str, Any], vip: str, sriov_member: str) -> None:
    assert kinds.vip_kind(flavor) == vip
    assert kinds.member_kind(member(), flavor) == sriov_member
    assert kinds.member_kind(member("normal"), flavor) == "normal"


@pytest.mark.parametrize("shape", [record, balancer])
@pytest.mark.parametrize("there", sorted(vnic.KINDS))
@pytest.mark.parametrize("kind", sorted(vnic.KINDS))
def test_one_kind_per_network(shape: Any, there: str, kind: str) -> None:
    problem = kinds.member_network_problem(member(), "net", kind, {"net": there}, shape(**FLAVOR))
    if kind == there:
        assert problem is None
        return
    assert problem is not None
    assert problem.code is Code.MIXED_KINDS
    assert f"({there})" in problem.user
    assert f"({kind})" in problem.user
    assert "Member m: network net" in problem.operator


def test_a_network_without_a_port_takes_any_kind() -> None:
    for kind in vnic.KINDS:
        assert kinds.member_network_problem(member(), "net", kind, {}, record(**FLAVOR)) is None


def test_the_vips_own_network_serves_members_that_ask_for_nothing() -> None:
    attached = {"vip-net": "direct"}
    lb = record(**FLAVOR)
    assert kinds.member_network_problem(member(), "vip-net", "normal", attached, lb) is None
    problem = kinds.member_network_problem(member(), "vip-net", "macvtap", attached, lb)
    assert problem is not None
    assert problem.code is Code.MIXED_KINDS


def test_a_flavor_that_allows_no_sriov_members() -> None:
    problem = kinds.member_network_problem(member(), "net", "direct", {}, record(sriov_vip=True))
    assert problem is not None
    assert problem.code is Code.UNSUPPORTED
