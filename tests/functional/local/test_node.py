"""Amphorae on a node, with real namespaces, agents, haproxy and rules."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sriov_provider.compute.local import cgroups
from tests.functional import netns
from tests.functional.local import CGROUP

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


@pytest.fixture(autouse=True)
def no_groups_left() -> Iterator[None]:
    """Control groups of amphorae that a scene did not delete: their processes are gone."""
    yield
    root = cgroups.hierarchy()
    for group in sorted((root / CGROUP).rglob("*"), reverse=True) if root else ():
        if group.is_dir():
            group.rmdir()
    if root and (root / CGROUP).exists():
        (root / CGROUP).rmdir()


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
