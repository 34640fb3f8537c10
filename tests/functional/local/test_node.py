"""Amphorae on a node, with real namespaces, agents, haproxy and rules."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.functional import netns

ROOT = Path(__file__).resolve().parents[3]
# A network of its own, a machine's first process, and no trace on the disk.
WORLD = (
    "mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /tmp && ip link set lo up && "
    f"cd / && {sys.executable} -W ignore -m tests.functional.local.scenes "
)
NEEDED = ("haproxy", "nft", "openssl", "curl")

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(
        netns.in_user_namespace() or any(shutil.which(name) is None for name in NEEDED),
        reason="LEFT OUT: needs root of the machine, haproxy, nftables, openssl and curl",
    ),
]


@pytest.mark.parametrize("scene", ["life", "restart", "reboot", "booted_with_ports"])
def test_scene(scene: str) -> None:
    namespaces = ("unshare", "-nmpi", "--fork", "--mount-proc", "--kill-child")
    done = subprocess.run(
        (*namespaces, "sh", "-c", WORLD + scene),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0 and done.stdout.endswith("held\n"), done.stdout + done.stderr
