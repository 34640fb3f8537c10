from __future__ import annotations

from typing import Any

import pytest

from sriov_provider.api import convert, visible
from sriov_provider.api.attributes import get
from sriov_provider.records import Action, ObjectRef, ObjectType

EVERYTHING = {
    (ObjectType.LOADBALANCER, "lb", None),
    (ObjectType.LISTENER, "https", "lb"),
    (ObjectType.LISTENER, "dns", "lb"),
    (ObjectType.L7POLICY, "to-pool", "https"),
    (ObjectType.L7POLICY, "redirect", "https"),
    (ObjectType.L7RULE, "rule", "to-pool"),
    (ObjectType.POOL, "pool", "lb"),
    (ObjectType.POOL, "dns-pool", "lb"),
    (ObjectType.MEMBER, "m1", "pool"),
    (ObjectType.MEMBER, "m2", "pool"),
    (ObjectType.HEALTHMONITOR, "hm", "pool"),
}


def _ref(kind: ObjectType, object_id: str, **expected: Any) -> ObjectRef:
    return ObjectRef(kind, object_id, Action.UPDATE, expected=expected)


def test_every_object_is_found_with_its_parent(answer: Any) -> None:
    found = {
        (kind, get(item, visible.ID_NAMES[kind]), parent)
        for kind, item, parent in visible.objects(answer)
    }
    assert found == EVERYTHING


@pytest.mark.parametrize(("kind", "object_id"), sorted((k, i) for k, i, _ in EVERYTHING))
def test_object_in_tree(answer: Any, kind: ObjectType, object_id: str) -> None:
    tree = convert.load_balancer(answer)
    assert visible.object_in_tree(tree, _ref(kind, object_id))
    assert not visible.object_in_tree(tree, _ref(kind, "other"))
    other = ObjectType.LISTENER if kind is ObjectType.POOL else ObjectType.POOL
    assert not visible.object_in_tree(tree, _ref(other, object_id))


@pytest.mark.parametrize(
    ("kind", "object_id", "name", "committed", "not_yet"),
    [
        (ObjectType.LOADBALANCER, "lb", "vip_qos_policy_id", "qos", None),
        (ObjectType.LISTENER, "https", "allowed_cidrs", ["2001:db8::/32", "10.0.0.0/8"], []),
        (ObjectType.LISTENER, "https", "allowed_cidrs", ["2001:db8::/32", "10.0.0.0/8"], None),
        (ObjectType.LISTENER, "dns", "allowed_cidrs", None, ["10.0.0.0/8"]),
        (ObjectType.LISTENER, "https", "default_pool_id", "pool", None),
        (ObjectType.LISTENER, "https", "default_tls_container_ref", "cert-ref", "new-ref"),
        (ObjectType.LISTENER, "https", "sni_container_refs", ["sni-ref"], ["sni-ref", "more"]),
        (ObjectType.LISTENER, "https", "connection_limit", 100, 0),
        (ObjectType.LISTENER, "https", "insert_headers", {"X-Forwarded-For": "true"}, {}),
        (ObjectType.LISTENER, "dns", "admin_state_up", False, True),
        (ObjectType.POOL, "pool", "session_persistence", {"type": "APP_COOKIE"}, None),
        (ObjectType.POOL, "pool", "session_persistence", {}, {"type": "SOURCE_IP"}),
        (ObjectType.POOL, "pool", "tls_versions", ["TLSv1.2"], ["TLSv1.3"]),
        (ObjectType.MEMBER, "m1", "weight", 5, 6),
        (ObjectType.MEMBER, "m2", "backup", False, True),
        (ObjectType.HEALTHMONITOR, "hm", "http_version", 1.1, 1.0),
        (ObjectType.L7POLICY, "redirect", "redirect_http_code", 307, 301),
        (ObjectType.L7RULE, "rule", "invert", True, False),
    ],
)
def test_values_visible(
    answer: Any, kind: ObjectType, object_id: str, name: str, committed: Any, not_yet: Any
) -> None:
    if committed == {}:  # a reset that has not been committed
        assert not visible.values_visible(answer, _ref(kind, object_id, **{name: committed}))
    else:
        assert visible.values_visible(answer, _ref(kind, object_id, **{name: committed}))
    assert not visible.values_visible(answer, _ref(kind, object_id, **{name: not_yet}))


def test_all_values_count(answer: Any) -> None:
    good = _ref(ObjectType.MEMBER, "m1", weight=5, monitor_port=9090)
    half = _ref(ObjectType.MEMBER, "m1", weight=5, monitor_port=9091)
    assert visible.values_visible(answer, good)
    assert not visible.values_visible(answer, half)


def test_an_object_that_is_missing_shows_nothing(answer: Any) -> None:
    assert not visible.values_visible(answer, _ref(ObjectType.MEMBER, "gone"))
    assert not visible.values_visible(None, _ref(ObjectType.MEMBER, "m1"))


def test_numbers_and_their_texts(answer: Any) -> None:
    assert visible.values_visible(answer, _ref(ObjectType.MEMBER, "m1", weight=5.0))
