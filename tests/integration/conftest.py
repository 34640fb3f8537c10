"""Fixtures. These tests run within a demo cloud: ``tox -e integration``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.demo import bootstrap
from tests.demo.settings import LIVE, Settings, from_environment
from tests.integration.ground import Ground, of_worker


def pytest_configure(config: pytest.Config) -> None:
    """Markers, and a word for who runs pytest by hand."""
    config.addinivalue_line("markers", "alone: does something to the whole cloud")
    config.addinivalue_line("markers", "essential: part of the end-to-end test")
    if not LIVE.is_dir():
        raise pytest.UsageError("not within a demo cloud: run `tox -e integration`")


@pytest.fixture(scope="session")
def settings() -> Settings:
    """Of the cloud."""
    return from_environment()


@pytest.fixture(scope="session")
def api(settings: Settings) -> Any:
    """The administrator's connection."""
    return bootstrap.connect(settings)


@pytest.fixture
def ground(settings: Settings, api: Any) -> Iterator[Ground]:
    """A physical network without VFs, a network on it and a compute flavor."""
    made = Ground(settings, api, of_worker(os.environ.get("PYTEST_XDIST_WORKER", "")))
    yield made
    made.close()
