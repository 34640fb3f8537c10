"""Which scenarios follow from what a worker was seen to do."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from sriov_provider.worker import tasks
from tests.matrix import phases

TRACE = ("begin", "EnsureServer", "EnsureServer 2", "PlugVip", "recorded", "delivered", "end")


def names() -> list[str]:
    """Of all tasks of the worker."""
    files = Path(tasks.__file__).parent.glob("*.py")
    nodes = [node for file in files for node in ast.parse(file.read_text()).body]
    found = [node for node in nodes if isinstance(node, ast.ClassDef)]
    steps = [node.name for node in found if any(_is_step(base) for base in node.bases)]
    return [name for name in steps if not name.endswith("Step")]


def _is_step(base: ast.expr) -> bool:
    return isinstance(base, ast.Name) and base.id in ("Step", "AmphoraStep", "MemberStep")


@pytest.mark.parametrize("name", names())
def test_every_task_is_of_a_phase(name: str) -> None:
    assert phases.phase(name) in phases.PHASES
    assert phases.phase(f"{name} 2") == phases.phase(name)


@pytest.mark.parametrize(
    ("point", "phase"),
    [
        ("EnsureVipPort", "ports"),
        ("EnsureSecurityGroup", "ports"),
        ("EnsureServerGroup", "server"),
        ("AttachVipPort", "plug"),
        ("ConfigureVrrp", "configure"),
        ("CloseFirewall", "firewall"),
        ("delivered", "status"),
    ],
)
def test_phases(point: str, phase: str) -> None:
    assert phases.phase(point) == phase


def test_workers_are_killed_at_every_point() -> None:
    found = phases.scenarios("create", TRACE, ["SIGKILL"])
    assert [s.point for s in found] == ["request", *TRACE[:-1]]


def test_services_go_away_at_the_first_point_of_each_phase() -> None:
    found = phases.scenarios("create", TRACE, ["Nova"])
    assert [s.point for s in found] == ["begin", "EnsureServer", "PlugVip", "recorded"]
    found = phases.scenarios("create", TRACE, ["RabbitMQ"])
    assert [s.phase for s in found] == ["request", "claim", "server", "plug", "status"]


def test_two_workers_are_there_from_the_beginning() -> None:
    (found,) = phases.scenarios("create", TRACE, [phases.TWO])
    assert found.key == "create|request|two workers"
