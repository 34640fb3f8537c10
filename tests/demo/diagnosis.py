"""What to look at when a step has failed: the ends of the logs that may tell why."""

from __future__ import annotations

import re

from tests.demo.processes import tail
from tests.demo.settings import Settings

LOGS = (
    "octavia-app.log",
    "octavia-driver-agent.log",
    "octavia-driver-agent-app.log",
    "octavia-worker-app.log",
    "nova-conductor-app.log",
    "nova-compute*.log",
    "amphora-*-console.log",
    "amphora-*-systemctl.log",
    "amphora-*-syslog.log",
)
LINES = 25
TROUBLE = re.compile(r" (ERROR|CRITICAL) |Traceback")


def show(settings: Settings) -> None:
    """Prints the last lines of each log."""
    for pattern in LOGS:
        for path in sorted(settings.log.glob(pattern)):
            print(f"\n==== {path} (last {LINES} lines)\n{tail(path, LINES)}")
    print("\n==== errors in the other logs")
    for path in sorted(settings.log.glob("*.log")):
        found = [line for line in tail(path, 5000).splitlines() if TROUBLE.search(line)]
        if found:
            print(f"{path.name}: {len(found)} lines, the last: {found[-1][:200]}")
