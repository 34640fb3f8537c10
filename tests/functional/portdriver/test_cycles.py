"""Kills at every step of a stand-in's life, in a network namespace of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.root
ROOT = Path(__file__).resolve().parents[3]
CYCLES = os.environ.get("SRIOV_TESTS_CYCLES", "60")
ENOUGH = 58  # for a kill before and after each step


@pytest.mark.timeout(3600)
def test_nothing_is_left_whenever_the_worker_is_killed() -> None:
    command = (sys.executable, "-m", "tests.functional.portdriver.cycles", "--standin")
    done = subprocess.run(
        ["unshare", "-n", *command, "--cycles", CYCLES],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{CYCLES} cycles on stand-ins" in done.stdout
    assert "state before == state after" in done.stdout
    assert f"{CYCLES} kills" in done.stdout or int(CYCLES) > ENOUGH
    for step in ("links.add_pair", "fence.guard", "links.move", "claims.write"):
        assert f"before {step}" in done.stdout or int(CYCLES) < ENOUGH
