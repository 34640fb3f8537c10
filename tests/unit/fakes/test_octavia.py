from __future__ import annotations

import pytest
from octavia_lib.api.drivers import data_models, exceptions

from tests.fakes import errors
from tests.fakes.octavia import FakeDriverAgent


def make_tree() -> data_models.LoadBalancer:
    monitor = data_models.HealthMonitor(healthmonitor_id="hm", pool_id="pool")
    member = data_models.Member(member_id="member", pool_id="pool", address="10.1.0.5")
    pool = data_models.Pool(
        pool_id="pool", loadbalancer_id="lb", members=[member], healthmonitor=monitor
    )
    rule = data_models.L7Rule(l7rule_id="rule", l7policy_id="policy")
    policy = data_models.L7Policy(l7policy_id="policy", listener_id="listener", rules=[rule])
    listener = data_models.Listener(
        listener_id="listener", loadbalancer_id="lb", default_pool_id="pool", l7policies=[policy]
    )
    return data_models.LoadBalancer(loadbalancer_id="lb", listeners=[listener], pools=[pool])


def delete(agent: FakeDriverAgent, kind: str, object_id: str) -> data_models.LoadBalancer:
    agent.update_loadbalancer_status({kind: [{"id": object_id, "provisioning_status": "DELETED"}]})
    found = agent.get_loadbalancer("lb")
    assert found is not None
    return found


def test_commit_becomes_visible_late() -> None:
    agent = FakeDriverAgent()
    agent.commit(make_tree(), after_reads=2)
    assert agent.get_loadbalancer("lb") is None
    assert agent.get_loadbalancer("lb") is None
    found = agent.get_loadbalancer("lb")
    assert found is not None
    assert found.listeners[0]["default_pool_id"] == "pool"


def test_rolled_back_commit_never_shows() -> None:
    agent = FakeDriverAgent()
    agent.commit(make_tree(), after_reads=1)
    agent.roll_back("lb")
    assert [agent.get_loadbalancer("lb") for _ in range(3)] == [None] * 3


def test_answers_are_copies() -> None:
    agent = FakeDriverAgent()
    agent.commit(make_tree())
    first = agent.get_loadbalancer("lb")
    assert first is not None
    first.listeners.clear()
    assert len(agent.trees["lb"]["listeners"]) == 1


def test_statuses_are_kept_per_object() -> None:
    agent = FakeDriverAgent()
    agent.commit(make_tree())
    agent.update_loadbalancer_status(
        {
            "loadbalancers": [{"id": "lb", "provisioning_status": "ACTIVE"}],
            "members": [{"id": "member", "operating_status": "NO_MONITOR"}],
        }
    )
    agent.update_loadbalancer_status(
        {"loadbalancers": [{"id": "lb", "operating_status": "ONLINE"}]}
    )
    assert (agent.provisioning("lb"), agent.operating("lb")) == ("ACTIVE", "ONLINE")
    assert (agent.provisioning("member"), agent.operating("member")) == (None, "NO_MONITOR")
    assert agent.provisioning("unknown") is None
    assert len(agent.updates) == 2


def test_deleted_objects_leave_the_tree_with_the_references_to_them() -> None:
    agent = FakeDriverAgent()
    agent.commit(make_tree())
    assert delete(agent, "members", "member").pools[0]["members"] == []
    assert delete(agent, "healthmonitors", "hm").pools[0]["healthmonitor"] is None
    assert delete(agent, "l7rules", "rule").listeners[0]["l7policies"][0]["rules"] == []
    assert delete(agent, "l7policies", "policy").listeners[0]["l7policies"] == []
    without_pool = delete(agent, "pools", "pool")
    assert (without_pool.pools, without_pool.listeners[0]["default_pool_id"]) == ([], None)
    assert delete(agent, "listeners", "listener").listeners == []
    agent.update_loadbalancer_status(
        {"loadbalancers": [{"id": "lb", "provisioning_status": "DELETED"}]}
    )
    assert agent.get_loadbalancer("lb") is None


def test_bad_status_record_is_refused_and_faults_are_injected() -> None:
    agent = FakeDriverAgent()
    with pytest.raises(exceptions.UpdateStatusError):
        agent.update_loadbalancer_status({"gadgets": [{"id": "x"}]})
    agent.fail("get_loadbalancer", exceptions.DriverError())
    agent.fail("update_loadbalancer_status", errors.Killed(), after=True)
    with pytest.raises(exceptions.DriverError):
        agent.get_loadbalancer("lb")
    with pytest.raises(errors.Killed):
        agent.update_loadbalancer_status({})
    assert agent.updates[-1] == {}
