"""Who has called what: the access logs of the services. Pure but for reading the files."""

from __future__ import annotations

import collections
import dataclasses
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

SERVICES = ("neutron", "nova", "glance", "keystone")
WORKER, API = "worker", "api"
# Ours says its name. The stock worker's libraries say theirs, and nobody else uses these two.
_AGENTS = (
    ("octavia-sriov-provider/api", API),
    ("octavia-sriov-provider", WORKER),
    ("octavia-worker ", WORKER),
    ("python-novaclient", WORKER),
    ("octavia.wsgi.api ", API),
)
_LINE = re.compile(
    r'\] "(?P<method>[A-Z]+) (?P<path>\S+) HTTP/[\d.]+" (?P<status>\d+) \d+ms "(?P<agent>[^"]*)"'
)


@dataclasses.dataclass(frozen=True)
class Call:
    """:ivar who: ``worker`` or ``api`` (octavia-api, whichever provider's driver is in it)"""

    who: str
    service: str
    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.who} {self.service}: {self.method} {self.path}"


def parse(service: str, line: str) -> Call | None:
    """The call of a line, or None when it is none of Octavia's."""
    found = _LINE.search(line)
    if found is None:
        return None
    for prefix, who in _AGENTS:
        if found["agent"].startswith(prefix):
            return Call(who, service, found["method"], found["path"])
    return None


def count(calls: Iterable[Call]) -> Mapping[tuple[str, str], int]:
    """How many calls by (who, service)."""
    return collections.Counter((call.who, call.service) for call in calls)


class Logs:
    """Reads what was added since the last look."""

    def __init__(self, directory: Path) -> None:
        self._files = {name: directory / f"{name}.log" for name in SERVICES}
        self._offsets: dict[str, int] = {}

    def news(self) -> list[Call]:
        """The calls since the last time this was asked."""
        calls = []
        for service, file in self._files.items():
            with file.open(errors="replace") as text:
                text.seek(self._offsets.get(service, 0))
                calls += [call for line in text if (call := parse(service, line))]
                self._offsets[service] = text.tell()
        return calls
