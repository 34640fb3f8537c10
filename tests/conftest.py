"""What all tests share."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# A shared or slow machine is no defect: no example has a time limit. CI runs the same examples
# every time; everywhere else new ones are looked for.
settings.register_profile(
    "project",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=bool(os.environ.get("CI")),
    print_blob=True,
)
settings.load_profile("project")
