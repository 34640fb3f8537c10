"""Tests marked ``root`` run as root; without root, in a user namespace; else they are skipped.

In a user namespace they run in one child pytest; each test here reports what its twin there did.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.functional import netns

_INSIDE = "SRIOV_TESTS_IN_USER_NAMESPACE"
_ROOT = Path(__file__).resolve().parents[2]
_SKIPPED = (
    "LEFT OUT: needs root, or a kernel that allows unprivileged user namespaces, "
    "for network namespaces and nftables"
)


class Twins:
    """One run of the marked tests in a user namespace, started when the first result is asked."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    @functools.cached_property
    def _results(self) -> tuple[dict[str, ElementTree.Element], str]:
        """What each test did, and all the run has printed."""
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
            report = Path(directory) / "report.xml"
            told = self._run(report, Path(directory) / "tmp")
            if not report.exists():
                return {}, told
            cases = ElementTree.parse(report).getroot().iter("testcase")
            return {f"{c.get('classname')}::{c.get('name')}": c for c in cases}, told

    def _run(self, report: Path, scratch: Path) -> str:
        options = [f"--junitxml={report}", f"--basetemp={scratch}", "-q", "-p", "no:cacheprovider"]
        script = 'mount -t tmpfs tmpfs /run && exec "$@"'
        done = subprocess.run(
            [
                *("unshare", "-Urnm", "sh", "-c", script, "sh"),
                *(sys.executable, "-m", "pytest", *options, *self._names),
            ],
            cwd=_ROOT,
            env={**os.environ, _INSIDE: "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout + done.stderr

    def replay(self, key: str) -> None:
        """Fail, skip or pass as the test did in the user namespace."""
        results, told = self._results
        case = results.get(key)
        if case is None:
            pytest.fail(f"did not run in the user namespace: {told[-3000:]}", pytrace=False)
        for kind, outcome in (("failure", pytest.fail), ("error", pytest.fail)):
            for element in case.iter(kind):
                outcome(element.text or element.get("message") or kind, pytrace=False)
        for element in case.iter("skipped"):
            pytest.skip(element.get("message") or "skipped in the user namespace")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    marked = [item for item in items if item.get_closest_marker("root")]
    if not marked or _INSIDE in os.environ or netns.is_root():
        return
    if not netns.has_user_namespaces():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason=_SKIPPED))
        return
    twins = Twins([item.nodeid for item in marked])
    for item in marked:
        # The twin sets up its own fixtures; here there is nothing to set up.
        item.setup = lambda: None  # type: ignore[method-assign]
        item.runtest = functools.partial(twins.replay, _key(item))  # type: ignore[method-assign]


def _key(item: pytest.Item) -> str:
    """The name of the test in a JUnit report; parameters may have colons of their own."""
    module, _, rest = item.nodeid.partition("::")
    name, bracket, parameters = rest.partition("[")
    *scopes, test = name.split("::")
    dotted = ".".join([module.removesuffix(".py").replace("/", "."), *scopes])
    return f"{dotted}::{test}{bracket}{parameters}"
