"""Who imports whom: the rules that keep the layers apart."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("sriov_provider", "amphora_agent_ext")
# The only modules that may use Octavia's own library; everything else talks to octavia_lib.
ADAPTERS = {
    "sriov_provider/amphora/octavia_config.py",
    "sriov_provider/amphora/octavia_rest.py",
    "amphora_agent_ext/agent.py",
    "amphora_agent_ext/interfaces.py",
    "amphora_agent_ext/plugging.py",
}
MODULES = sorted(
    str(path.relative_to(ROOT)) for name in PACKAGES for path in (ROOT / name).rglob("*.py")
)


def imported(source: str) -> Iterator[str]:
    """Dotted names of everything imported anywhere in the source, also inside functions."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            module = node.module or ""
            yield from (f"{module}.{alias.name}" for alias in node.names)


def tops(path: str) -> set[str]:
    return {name.split(".")[0] for name in imported((ROOT / path).read_text())}


def test_only_the_adapters_import_octavia() -> None:
    assert {path for path in MODULES if "octavia" in tops(path)} == ADAPTERS


def test_an_import_inside_a_function_is_seen() -> None:
    source = "def f():\n    from octavia.common import data_models\n    import octavia_lib.api\n"
    assert list(imported(source)) == ["octavia.common.data_models", "octavia_lib.api"]


def test_the_packages_do_not_import_each_other() -> None:
    mixed = {
        path
        for path in MODULES
        if (set(PACKAGES) - {path.split("/")[0]}) & tops(path) or "tests" in tops(path)
    }
    assert mixed == set()


# Top-down: a module imports its own level and those below, never one above.
LEVELS = (
    {"cmd", "api"},
    {"worker", "sweep", "rolling"},
    {"amphora", "compute", "db", "firewall", "health", "network", "rpc", "status"},
)
UPWARD = {
    # the vocabulary of octavia-lib's objects, used to compare what Octavia shows with a job
    ("worker", "api"),
}


def level(part: str) -> int:
    """Index in LEVELS; modules at the top of the package are below all of them."""
    return next((n for n, names in enumerate(LEVELS) if part in names), len(LEVELS))


@pytest.mark.parametrize("path", [m for m in MODULES if m.startswith("sriov_provider/")])
def test_nothing_imports_upwards(path: str) -> None:
    own = Path(path).parts[1].removesuffix(".py")
    names = [n for n in imported((ROOT / path).read_text()) if n.startswith("sriov_provider.")]
    used = {name.split(".")[1] for name in names}
    assert not {u for u in used if level(u) < level(own) and (own, u) not in UPWARD}
