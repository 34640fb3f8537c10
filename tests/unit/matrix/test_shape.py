"""What is compared of an end state."""

from __future__ import annotations

from sriov_provider.records import Inventory
from tests.matrix.leaks import Known
from tests.matrix.shape import differences, octavia, substituted, symbols

TREE = {
    "id": "1",
    "name": "lb",
    "provisioning_status": "ACTIVE",
    "listeners": [
        {
            "id": "2",
            "name": "http",
            "provisioning_status": "PENDING_UPDATE",
            "pools": [{"id": "3", "name": "pool", "provisioning_status": "ACTIVE"}],
        }
    ],
}


def test_statuses_of_all_objects() -> None:
    assert list(octavia(TREE)) == [
        "loadbalancer  ACTIVE",
        "listener http PENDING_UPDATE",
        "pool pool ACTIVE",
    ]


def test_ids_give_way_to_what_they_are() -> None:
    names = {"10.0.0.1": "VIP", "10.0.0.11": "ADDRESS", "eth1": "MAC"}
    text = "bind 10.0.0.1:80 from 10.0.0.11 dev eth1 not eth10 nor 110.0.0.1"
    assert substituted(text, names) == "bind VIP:80 from ADDRESS dev MAC not eth10 nor 110.0.0.1"


def test_ids_in_names_of_files_give_way_too() -> None:
    assert substituted("/var/lib/a-b.sock 10.0.0.1.", {"a-b": "LB", "10.0.0.1": "VIP"}) == (
        "/var/lib/LB.sock VIP."
    )


def test_keepalived_names_a_load_balancer_without_dashes() -> None:
    names = symbols({"id": "a-b"}, Inventory(None), "10.0.0.1")
    assert substituted("vrrp_instance ab {", names) == "vrrp_instance LB {"


def test_the_order_of_lists_does_not_count() -> None:
    one, other = {"a": [{"x": 1}, "eth1"]}, {"a": ["eth2", {"x": 1}]}
    assert substituted(one, {"eth1": "M"}) == substituted(other, {"eth2": "M"})


def test_differences_are_named() -> None:
    assert differences({"a": [1, 2]}, {"a": [2, 3]}) == ["/a: missing 1", "/a: new 3"]
    assert differences({"a": 1}, {"a": 1, "b": 2}) == ["/b: None became 2"]
    assert differences({"a": {"b": [1, 1]}}, {"a": {"b": [1]}}) == ["/a/b: missing 1"] * 2
    assert differences(TREE, TREE) == []


def test_what_nobody_answers_for_is_leaked() -> None:
    known = Known({"port": frozenset({"1"}), "server": frozenset()})
    new = {"port": {"1": "vip", "2": "member"}, "server": {"3": ""}}
    assert known.leaked(new) == ["port member", "server 3"]
