"""Octavia's settings for tests: none from files, overridden one by one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from oslo_config import cfg, fixture

from sriov_provider.amphora import octavia_config


@pytest.fixture
def octavia() -> Iterator[fixture.Config]:
    octavia_config.init([])
    settings = fixture.Config(cfg.CONF)
    settings.setUp()
    yield settings
    settings.cleanUp()
