"""Which task belongs to which phase, and which scenarios follow from a trace. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

PHASES = (
    "request",
    "claim",
    "ports",
    "server",
    "plug",
    "configure",
    "firewall",
    "outcome",
    "status",
)
_OF = {
    "request": "request",
    "begin": "claim",
    "recorded": "status",
    "delivered": "status",
    "end": "status",
    "MarkReady": "outcome",
    "MarkStale": "claim",
    "ReadAnew": "firewall",
    "BuildAhead": "server",
    "AskLeaving": "server",
    "StandDown": "server",
}
_WORDS = (
    ("Firewall", "firewall"),
    ("Agent", "configure"),
    ("Configure", "configure"),
    ("Plug", "plug"),
    ("plug", "plug"),
    ("Attach", "plug"),
    ("Bind", "plug"),
    ("Extend", "plug"),
    ("SetVip", "plug"),
    ("Server", "server"),
    ("Amphora", "server"),
    ("YieldVip", "server"),
    ("Group", "ports"),
    ("Port", "ports"),
    ("Tagged", "ports"),
)
REQUEST, TWO = "request", "two workers"
# The API needs what it needs: only these may be away when something is asked for.
AT_REQUEST = ("SIGKILL", TWO, "RabbitMQ", "driver-agent", "amphora agent")
EACH_TASK = ("SIGKILL",)


def phase(point: str) -> str:
    """Of a point, numbered or not."""
    name = point.split()[0]
    if name in _OF:
        return _OF[name]
    return next(phase for word, phase in _WORDS if word in name)


@dataclass(frozen=True)
class Scenario:
    """One fault at one point of one operation."""

    operation: str
    point: str
    fault: str

    @property
    def key(self) -> str:
        return f"{self.operation}|{self.point}|{self.fault}"

    @property
    def phase(self) -> str:
        return phase(self.point)


def points(trace: Iterable[str]) -> tuple[str, ...]:
    """Where something can be made to happen: what is passed before the end."""
    return tuple(p for p in dict.fromkeys(trace) if p.split()[0] != "end")


def scenarios(operation: str, trace: Iterable[str], faults: Iterable[str]) -> tuple[Scenario, ...]:
    """Workers die at every point; services go away at the first point of each phase."""
    everywhere = (REQUEST, *points(trace))
    first: dict[str, str] = {}
    for point in everywhere:
        first.setdefault(phase(point), point)
    found = []
    for fault in faults:
        for point in everywhere if fault in EACH_TASK else first.values():
            if fault in AT_REQUEST if point == REQUEST else fault != TWO:
                found.append(Scenario(operation, point, fault))
    return tuple(found)
