from __future__ import annotations

import copy

import pytest
from octavia_lib.api.drivers import data_models
from oslo_config import fixture as config_fixture

from tests.unit.api import octavia_tree


@pytest.fixture(scope="session")
def _answered() -> data_models.LoadBalancer:
    with pytest.MonkeyPatch.context() as monkeypatch, config_fixture.Config() as conf:
        octavia_tree.fill(octavia_tree.install(monkeypatch, conf))
        return octavia_tree.answer("lb")


@pytest.fixture
def answer(_answered: data_models.LoadBalancer) -> data_models.LoadBalancer:
    """What the driver-agent says of a load balancer ``lb`` that has one of everything."""
    return copy.deepcopy(_answered)
