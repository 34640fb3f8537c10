"""Sizes that keep modules readable, and words that do not belong in a released product."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAX_LINES = 400
MAX_FUNCTION = 40
MODULES = sorted(
    path for name in ("sriov_provider", "amphora_agent_ext") for path in (ROOT / name).rglob("*.py")
)
LEFTOVER = re.compile(r"\b(TODO|FIXME|XXX)\b")


def functions(source: str) -> dict[str, int]:
    """Length in lines of every function, decorators left out."""
    return {
        f"{node.name}:{node.lineno}": (node.end_lineno or 0) - node.lineno + 1
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_sizes(path: Path) -> None:
    source = path.read_text()
    assert source.count("\n") < MAX_LINES
    assert {n: size for n, size in functions(source).items() if size > MAX_FUNCTION} == {}
    assert not LEFTOVER.search(source)


def test_functions_are_measured() -> None:
    source = "class A:\n    @property\n    def f(self):\n        x = 1\n\n        return x\n"
    assert functions(source) == {"f:3": 4}
