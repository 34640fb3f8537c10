from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest

from sriov_provider.cloud import Cloud
from sriov_provider.compute.nova import NovaCompute
from tests.fakes.services import Services


@pytest.fixture
def services() -> Iterator[Services]:
    with Services() as running:
        yield running


@pytest.fixture
def nova(services: Services, tmp_path: pathlib.Path) -> NovaCompute:
    return NovaCompute(Cloud(services.conf(tmp_path)))
