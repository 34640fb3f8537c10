"""Every update the Octavia API can commit becomes visible, and is not before.

Each case goes through Octavia's own code: request type, conversion for the provider, repository,
and the driver-agent's answer. A value that is stored in another shape than it was announced would
make a worker wait in vain.
"""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from octavia.api.drivers import utils
from octavia.api.v2.types import health_monitor, l7policy, l7rule, listener, load_balancer, pool
from octavia.api.v2.types import member as member_types
from octavia.common import validate
from octavia.db import models, repositories
from octavia_lib.api.drivers import data_models as dm
from oslo_config import fixture as config_fixture
from wsme.rest import json as wsme_json

from sriov_provider.api import refs, visible
from sriov_provider.records import Action, ObjectRef, ObjectType
from tests.unit.api import octavia_tree

REPOSITORIES = repositories.Repositories()


@dataclasses.dataclass(frozen=True)
class Kind:
    """How Octavia's API updates one type of object."""

    type: ObjectType
    request: Any
    to_provider: Callable[[dict[str, Any]], dict[str, Any]]
    model: Any
    save: Callable[..., Any]


def _save_load_balancer(session: Any, object_id: str, **values: Any) -> None:
    vip = values.pop("vip", None)
    if vip:
        REPOSITORIES.vip.update(session, object_id, **vip)
    if values:
        REPOSITORIES.load_balancer.update(session, object_id, **values)


def _save_pool(session: Any, object_id: str, **values: Any) -> None:
    REPOSITORIES.update_pool_and_sp(session, object_id, values)


def _load_balancer_to_provider(values: dict[str, Any]) -> dict[str, Any]:
    vip = values.pop("vip", {})
    found: dict[str, Any] = utils.lb_dict_to_provider_dict(values)
    if "qos_policy_id" in vip:
        found["vip_qos_policy_id"] = vip["qos_policy_id"]
    return found


KINDS = {
    "lb": Kind(
        ObjectType.LOADBALANCER,
        load_balancer.LoadBalancerPUT,
        _load_balancer_to_provider,
        dm.LoadBalancer,
        _save_load_balancer,
    ),
    "listener": Kind(
        ObjectType.LISTENER,
        listener.ListenerPUT,
        utils.listener_dict_to_provider_dict,
        dm.Listener,
        REPOSITORIES.listener.update,
    ),
    "pool": Kind(
        ObjectType.POOL, pool.PoolPUT, utils.pool_dict_to_provider_dict, dm.Pool, _save_pool
    ),
    "member": Kind(
        ObjectType.MEMBER,
        member_types.MemberPUT,
        utils.member_dict_to_provider_dict,
        dm.Member,
        REPOSITORIES.member.update,
    ),
    "monitor": Kind(
        ObjectType.HEALTHMONITOR,
        health_monitor.HealthMonitorPUT,
        utils.hm_dict_to_provider_dict,
        dm.HealthMonitor,
        REPOSITORIES.health_monitor.update,
    ),
    "policy": Kind(
        ObjectType.L7POLICY,
        l7policy.L7PolicyPUT,
        utils.l7policy_dict_to_provider_dict,
        dm.L7Policy,
        REPOSITORIES.l7policy.update,
    ),
    "rule": Kind(
        ObjectType.L7RULE,
        l7rule.L7RulePUT,
        utils.l7rule_dict_to_provider_dict,
        dm.L7Rule,
        REPOSITORIES.l7rule.update,
    ),
}

POOL_UUID = "1f9a8f7e-0000-4000-8000-000000000002"

CASES: list[tuple[str, str, dict[str, Any]]] = [
    ("lb", "lb", {"admin_state_up": False}),
    ("lb", "lb", {"name": "caf\u00e9", "description": "new"}),
    ("lb", "lb", {"vip_qos_policy_id": None}),
    ("lb", "lb", {"vip_qos_policy_id": "1f9a8f7e-0000-4000-8000-000000000001"}),
    ("listener", "https", {"admin_state_up": False}),
    ("listener", "https", {"allowed_cidrs": ["192.0.2.0/24", "10.0.0.0/8"]}),
    ("listener", "https", {"allowed_cidrs": []}),
    ("listener", "https", {"allowed_cidrs": None}),
    ("listener", "https", {"default_pool_id": None}),
    ("listener", "https", {"connection_limit": 7}),
    ("listener", "https", {"insert_headers": {"X-Forwarded-Port": "true"}}),
    ("listener", "https", {"insert_headers": {}}),
    ("listener", "https", {"default_tls_container_ref": "other-ref"}),
    ("listener", "https", {"sni_container_refs": ["one", "two"]}),
    ("listener", "https", {"client_ca_tls_container_ref": None}),
    ("listener", "https", {"client_crl_container_ref": None}),
    ("listener", "https", {"client_authentication": "OPTIONAL"}),
    ("listener", "https", {"timeout_client_data": 1, "timeout_tcp_inspect": 0}),
    ("listener", "https", {"tls_versions": ["TLSv1.3"]}),
    ("listener", "https", {"tls_ciphers": "ECDHE"}),
    ("listener", "https", {"alpn_protocols": ["http/1.1"]}),
    ("listener", "https", {"alpn_protocols": []}),
    ("listener", "https", {"hsts_max_age": 5, "hsts_preload": True}),
    ("listener", "https", {"hsts_max_age": None}),
    ("pool", "pool", {"lb_algorithm": "SOURCE_IP"}),
    ("pool", "pool", {"admin_state_up": False}),
    ("pool", "pool", {"session_persistence": {"type": "SOURCE_IP"}}),
    ("pool", "pool", {"session_persistence": {"type": "APP_COOKIE", "cookie_name": "other"}}),
    ("pool", "pool", {"session_persistence": None}),
    ("pool", "dns-pool", {"session_persistence": {"type": "SOURCE_IP"}}),
    ("pool", "pool", {"tls_enabled": False}),
    ("pool", "pool", {"tls_container_ref": "other"}),
    ("pool", "pool", {"tls_container_ref": None, "ca_tls_container_ref": None}),
    ("pool", "pool", {"crl_container_ref": None}),
    ("pool", "pool", {"tls_versions": ["TLSv1.3"], "alpn_protocols": ["http/1.1"]}),
    ("member", "m1", {"weight": 0}),
    ("member", "m1", {"backup": False, "admin_state_up": False}),
    ("member", "m1", {"monitor_address": "192.0.2.77", "monitor_port": 99}),
    ("member", "m1", {"monitor_address": None, "monitor_port": None}),
    ("monitor", "hm", {"delay": 9, "timeout": 8, "max_retries": 7, "max_retries_down": 6}),
    ("monitor", "hm", {"http_method": "GET", "url_path": "/new", "expected_codes": "200-204"}),
    ("monitor", "hm", {"http_version": 1.0, "domain_name": None}),
    ("monitor", "hm", {"admin_state_up": False}),
    ("policy", "redirect", {"action": "REJECT"}),
    ("policy", "redirect", {"redirect_url": "https://other.example/", "redirect_http_code": 302}),
    ("policy", "redirect", {"action": "REDIRECT_TO_POOL", "redirect_pool_id": POOL_UUID}),
    ("policy", "redirect", {"action": "REDIRECT_PREFIX", "redirect_prefix": "https://p.example"}),
    ("policy", "to-pool", {"admin_state_up": False, "position": 17}),
    ("rule", "rule", {"compare_type": "STARTS_WITH", "value": "c", "key": "X-B"}),
    ("rule", "rule", {"type": "PATH", "key": None}),
    ("policy", "redirect", {"name": "renamed"}),
    ("pool", "pool", {"name": ""}),
    ("listener", "https", {"name": "renamed", "description": None}),
    ("member", "m1", {"name": "renamed"}),
    ("rule", "rule", {"invert": False, "admin_state_up": False}),
]


@pytest.fixture(scope="module")
def octavia() -> Iterator[Any]:
    """Octavia's database, as a session, with a copy of its content."""
    with pytest.MonkeyPatch.context() as monkeypatch, config_fixture.Config() as conf:
        made = octavia_tree.install(monkeypatch, conf)
        octavia_tree.fill(made)
        with made.begin():
            made.add(_pool())
        copy = sqlite3.connect(":memory:")
        _raw(made).backup(copy)
        yield made, copy


@pytest.fixture
def session(octavia: Any) -> Iterator[Any]:
    made, copy = octavia
    yield made
    made.close()
    copy.backup(_raw(made))


def _raw(session: Any) -> sqlite3.Connection:
    found: sqlite3.Connection = session.get_bind().raw_connection().driver_connection
    return found


def _pool() -> models.Pool:
    return models.Pool(
        id=POOL_UUID,
        project_id="project",
        load_balancer_id="lb",
        protocol="HTTP",
        lb_algorithm="ROUND_ROBIN",
        provisioning_status="ACTIVE",
        operating_status="ONLINE",
        enabled=True,
    )


def _request(kind: Kind, body: dict[str, Any]) -> Any:
    parsed = wsme_json.fromjson(kind.request, body)
    if kind.type is not ObjectType.L7POLICY:
        return parsed
    clean = validate.sanitize_l7policy_api_args(parsed.to_dict(render_unsets=False))
    for attribute, column in kind.request._type_to_db_map.items():
        if column in clean:
            clean[attribute] = clean.pop(column)
    return kind.request(**clean)


@pytest.mark.parametrize(("name", "object_id", "body"), CASES)
def test_committed_means_visible(
    session: Any, name: str, object_id: str, body: dict[str, Any]
) -> None:
    kind = KINDS[name]
    request = _request(kind, body)
    announced = kind.model.from_dict(
        kind.to_provider({"id": object_id, **request.to_dict(render_unsets=False)})
    )
    ref = ObjectRef(kind.type, object_id, Action.UPDATE, expected=refs.expected(announced))
    assert ref.expected
    assert not visible.values_visible(octavia_tree.answer("lb"), ref)
    with session.begin():
        kind.save(session, object_id, **request.to_dict(render_unsets=False))
    assert visible.values_visible(octavia_tree.answer("lb"), ref)


@pytest.mark.parametrize(
    ("name", "object_id", "body"),
    [
        ("lb", "lb", {"vip_sg_ids": ["1f9a8f7e-0000-4000-8000-000000000003"]}),
        ("listener", "https", {"sni_container_refs": []}),
    ],
)
def test_some_values_are_never_announced(name: str, object_id: str, body: dict[str, Any]) -> None:
    """Octavia 19 keeps them from the driver; a job without expected values may change them."""
    kind = KINDS[name]
    values = _request(kind, body).to_dict(render_unsets=False)
    assert values
    announced = kind.model.from_dict(kind.to_provider({"id": object_id, **values}))
    assert refs.expected(announced) == {}


def test_a_member_of_a_batch(session: Any) -> None:
    """As the API does it: the request itself becomes the provider's member."""
    body = {"address": "198.51.100.1", "protocol_port": 8080, "weight": 9, "subnet_id": POOL_UUID}
    request = wsme_json.fromjson(member_types.MemberPOST, body)
    request.id = "m1"
    request.provisioning_status = "PENDING_UPDATE"
    request.project_id = "project"
    values = request.to_dict(render_unsets=False)
    values.pop("id")
    values.pop("request_sriov")
    request.pool_id = "pool"
    announced = utils.db_member_to_provider_member(request)
    created, kept, gone = refs.batch("pool", [dm.Member(member_id="new"), announced], {"m1", "m2"})
    assert (created.id, kept.id, gone.id) == ("new", "m1", "m2")
    assert kept.expected["weight"] == 9
    assert not visible.values_visible(octavia_tree.answer("lb"), kept)
    with session.begin():
        REPOSITORIES.member.update(session, "m1", **values)
    assert visible.values_visible(octavia_tree.answer("lb"), kept)
