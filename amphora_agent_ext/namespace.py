"""The amphora's network namespace: make it, and do something inside it."""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pyroute2 import netns

from amphora_agent_ext.errors import NamespaceError

T = TypeVar("T")

# Where the stock agent puts everything that carries user traffic.
AMPHORA = "amphora-haproxy"


def ensure(name: str) -> None:
    """Create the namespace unless it is there, as the stock agent would at the first plug."""
    if (Path(netns.NETNS_RUN_DIR) / name).exists():
        return
    with contextlib.suppress(FileExistsError):  # somebody was faster
        try:
            netns.create(name)
        except OSError as error:
            raise NamespaceError(f"Namespace {name} cannot be created", str(error)) from error


def inside(name: str, work: Callable[[], T]) -> T:
    """Call ``work`` inside the namespace and hand back what it returns or raises.

    It runs in a thread of its own that ends with it: a namespace is entered by a thread, and the
    thread that called never leaves its own. Sockets opened by ``work`` stay in the namespace.

    :raises NamespaceError: there is no such namespace
    """

    def entered() -> T:
        enter(name)
        return work()

    with concurrent.futures.ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(entered).result()


def enter(name: str) -> None:
    """Enter the namespace with the thread that calls, for good.

    :raises NamespaceError: there is no such namespace
    """
    descriptor = -1
    try:
        descriptor = os.open(Path(netns.NETNS_RUN_DIR) / name, os.O_RDONLY | os.O_CLOEXEC)
        netns.setns(descriptor)
    except OSError as error:
        raise NamespaceError(f"Namespace {name} cannot be entered", str(error)) from error
    finally:
        if descriptor >= 0:
            os.close(descriptor)
