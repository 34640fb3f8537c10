"""``inside_kuryr.py`` in a process of its own: kuryr-libnetwork registers options that others
register too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
INSIDE = Path(__file__).with_name("inside_kuryr.py")


def test_our_drivers_are_kuryrs() -> None:
    options = ("-q", "-p", "no:cacheprovider", "-W", "ignore")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(INSIDE)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout
