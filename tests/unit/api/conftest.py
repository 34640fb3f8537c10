from __future__ import annotations

import copy

import pytest
from octavia_lib.api.drivers import data_models
from octavia_lib.api.drivers import data_models as dm
from oslo_config import fixture as config_fixture

from tests.unit.api import octavia_tree
from tests.unit.api.world import World, load_balancer, member


@pytest.fixture(scope="session")
def _answered() -> data_models.LoadBalancer:
    with pytest.MonkeyPatch.context() as monkeypatch, config_fixture.Config() as conf:
        octavia_tree.fill(octavia_tree.install(monkeypatch, conf))
        return octavia_tree.answer("lb")


@pytest.fixture
def answer(_answered: data_models.LoadBalancer) -> data_models.LoadBalancer:
    """What the driver-agent says of a load balancer ``lb`` that has one of everything."""
    return copy.deepcopy(_answered)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def lb(world: World) -> World:
    """A world with a load balancer, a UDP and an HTTP pool and listener, one member, a policy."""
    world.driver.loadbalancer_create(load_balancer())
    for name, protocol in (("udp", "UDP"), ("http", "HTTP")):
        world.driver.pool_create(
            dm.Pool(
                pool_id=f"{name}-pool",
                loadbalancer_id="lb",
                protocol=protocol,
                lb_algorithm="ROUND_ROBIN",
            )
        )
        world.driver.listener_create(
            dm.Listener(listener_id=f"{name}", loadbalancer_id="lb", protocol=protocol)
        )
    world.driver.member_create(member("m1"))
    world.driver.l7policy_create(dm.L7Policy(l7policy_id="policy", listener_id="http"))
    return world
