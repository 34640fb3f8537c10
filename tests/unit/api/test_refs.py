from __future__ import annotations

from typing import Any

from octavia_lib.api.drivers import data_models as dm

from sriov_provider.api import refs
from sriov_provider.records import Action, ChildRecord, ObjectRef, ObjectType


def test_reference_names_the_parent() -> None:
    member = dm.Member(member_id="m", pool_id="p")
    assert refs.reference(ObjectType.MEMBER, member, Action.DELETE) == ObjectRef(
        ObjectType.MEMBER, "m", Action.DELETE, "p"
    )
    lb = dm.LoadBalancer(loadbalancer_id="lb")
    assert refs.reference(ObjectType.LOADBALANCER, lb, Action.CREATE).parent_id is None


def test_expected_holds_references_and_no_secrets() -> None:
    new = dm.Listener(
        listener_id="l",
        loadbalancer_id="lb",
        name="new name",
        description="text",
        default_tls_container_ref="ref",
        default_tls_container_data={"private_key": "KEY"},
        sni_container_refs=["sni"],
        sni_container_data=[{"private_key": "KEY"}],
        client_ca_tls_container_data="CA",
        client_crl_container_data="CRL",
        default_pool_id=None,
        allowed_cidrs=["10.0.0.0/8"],
        l7policies=[],
    )
    assert refs.expected(new) == {
        "name": "new name",
        "description": "text",
        "default_tls_container_ref": "ref",
        "sni_container_refs": ["sni"],
        "default_pool_id": None,
        "allowed_cidrs": ["10.0.0.0/8"],
    }


def test_the_position_of_a_policy_is_not_waited_for() -> None:
    new = dm.L7Policy(l7policy_id="x", position=100, action="REJECT")
    assert refs.expected(new) == {"action": "REJECT"}


def test_family_of_a_load_balancer(answer: Any) -> None:
    family = refs.family(answer, Action.DELETE)
    assert family[0] == ObjectRef(ObjectType.LOADBALANCER, "lb", Action.DELETE)
    assert len(family) == len({r.id for r in family}) == 11
    assert {r.action for r in family} == {Action.DELETE}
    assert {(r.id, r.parent_id) for r in family if r.type is ObjectType.L7RULE} == {
        ("rule", "to-pool")
    }


def test_children_of_a_load_balancer(answer: Any) -> None:
    children = {c.id: c for c in refs.children(answer)}
    assert set(children) == {"https", "dns", "pool", "dns-pool", "m1", "m2", "to-pool", "redirect"}
    assert children["dns-pool"] == ChildRecord("dns-pool", ObjectType.POOL, "lb", "lb", "UDP")
    assert children["m1"] == ChildRecord("m1", ObjectType.MEMBER, "lb", "pool")
    assert children["redirect"] == ChildRecord("redirect", ObjectType.L7POLICY, "lb", "https")


def test_batch_creates_updates_and_deletes() -> None:
    new = dm.Member(member_id="new", address="192.0.2.1", protocol_port=80)
    kept = dm.Member(
        member_id="kept",
        address="192.0.2.2",
        protocol_port=80,
        weight=7,
        monitor_port=None,
        vnic_type="direct",
    )
    assert refs.batch("p", [new, kept], {"kept", "gone"}) == (
        ObjectRef(ObjectType.MEMBER, "new", Action.CREATE, "p"),
        ObjectRef(
            ObjectType.MEMBER,
            "kept",
            Action.UPDATE,
            "p",
            {"address": "192.0.2.2", "protocol_port": 80, "weight": 7},
        ),
        ObjectRef(ObjectType.MEMBER, "gone", Action.DELETE, "p"),
    )


def test_batch_that_empties_the_pool() -> None:
    assert [r.action for r in refs.batch("p", [], {"a", "b"})] == [Action.DELETE, Action.DELETE]
