from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest

from sriov_provider.cloud import Cloud
from sriov_provider.network.neutron import NeutronNetwork
from tests.fakes.services import Services


@pytest.fixture
def services() -> Iterator[Services]:
    with Services() as running:
        yield running


@pytest.fixture
def naps() -> list[float]:
    """How long the client slept, each time."""
    return []


@pytest.fixture
def neutron(services: Services, tmp_path: pathlib.Path, naps: list[float]) -> NeutronNetwork:
    return NeutronNetwork(Cloud(services.conf(tmp_path)), 2, 0.5, naps.append)
