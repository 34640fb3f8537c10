"""Octavia's settings for tests: overridden one by one, so that it does not matter whether another
test has let octavia read a file before."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from octavia.common import config as octavia_conf
from oslo_config import fixture


@pytest.fixture
def octavia() -> Iterator[fixture.Config]:
    settings = fixture.Config(octavia_conf.cfg.CONF)
    settings.setUp()
    yield settings
    settings.cleanUp()
