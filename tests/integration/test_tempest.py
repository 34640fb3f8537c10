"""The scenarios which Tempest runs against any cloud, against this one."""

from __future__ import annotations

from tests.demo.settings import Settings
from tests.integration import tempest_run


def test_all_scenarios_pass(settings: Settings) -> None:
    tempest_run.run(settings).check()
