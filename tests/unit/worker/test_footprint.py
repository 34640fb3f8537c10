"""What a worker does not keep in memory."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

# Each of them is several MiB, and for nothing that a worker does.
NEEDLESS = ("alembic", "dns", "octavia.db.repositories", "openstack", "pyroute2")
LOAD = """
import sys
from sriov_provider.cmd import main
from sriov_provider.worker import footprint
footprint.without_greendns()
from sriov_provider.worker import service
print(*sys.modules)
"""
# Eight threads allocate at the same time; glibc tells how many heaps there are then.
HEAPS = """
import ctypes, os, tempfile, threading
from sriov_provider.worker import footprint
footprint.few_arenas()
libc = ctypes.CDLL(None)
together = threading.Barrier(8)
def work():
    together.wait()
    libc.malloc(300)
    together.wait()
threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
libc.fdopen.restype = ctypes.c_void_p
with tempfile.TemporaryFile() as file:
    stream = ctypes.c_void_p(libc.fdopen(os.dup(file.fileno()), b"w"))
    libc.malloc_info(0, stream)
    libc.fclose(stream)
    file.seek(0)
    print(file.read().count(b"<heap nr="))
"""


def run(source: str, **environment: str) -> str:
    """The output of a fresh interpreter."""
    env = {k: v for k, v in os.environ.items() if k != "MALLOC_ARENA_MAX"} | environment
    command = [sys.executable, "-W", "ignore", "-c", source]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout


def test_what_a_worker_imports() -> None:
    assert not set(NEEDLESS) & set(run(LOAD).split())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mallopt is glibc's")
def test_threads_share_two_heaps() -> None:
    assert int(run(HEAPS)) <= 2
