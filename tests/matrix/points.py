"""The places of an operation at which something can be made to go wrong.

Within the worker: TaskFlow's own notifications, and calls of public methods. At each place the
worker tells the matrix (a unix socket) and waits until it is answered, so that a fault begins
exactly there. The product has no hook for it.
"""

from __future__ import annotations

import functools
import json
import os
import socket
import threading
from collections.abc import Callable
from typing import Any

from taskflow import engines, states
from taskflow.types.notifier import Notifier

from sriov_provider.records import Job
from sriov_provider.status.agent_client import AgentClient
from sriov_provider.worker.runner import Runner

# The job this thread runs; TaskFlow notifies in the thread that runs the engine.
_here = threading.local()


def install(path: str) -> None:
    """From now on this process tells at *path* where it is."""
    tell = functools.partial(_tell, path)
    Runner.run = _run(Runner.run, tell)  # type: ignore[method-assign]
    AgentClient.update_status = _update(AgentClient.update_status, tell)  # type: ignore[method-assign]
    engines.load = _load(engines.load, tell)


def _tell(path: str, point: str) -> None:
    job: Job | None = getattr(_here, "job", None)
    message = {"pid": os.getpid(), "point": point}
    if job is not None:
        message |= {"job": job.id, "attempt": job.attempt}
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as wire:
        wire.connect(path)
        wire.sendall(json.dumps(message).encode() + b"\n")
        wire.recv(1)


def _run(original: Callable[..., None], tell: Callable[[str], None]) -> Callable[..., None]:
    def run(self: Runner, job: Job) -> None:
        _here.job = job
        tell("begin")
        original(self, job)
        tell("end")

    return run


def _update(original: Callable[..., None], tell: Callable[[str], None]) -> Callable[..., None]:
    """Only in threads of jobs: the others deliver what was left to them."""

    def update_status(self: AgentClient, statuses: dict[str, Any]) -> None:
        ours = getattr(_here, "job", None) is not None
        if ours:
            tell("recorded")
        original(self, statuses)
        if ours:
            tell("delivered")

    return update_status


def _load(original: Callable[..., Any], tell: Callable[[str], None]) -> Callable[..., Any]:
    def passed(state: str, details: dict[str, Any]) -> None:
        if state == states.SUCCESS:
            tell(details["task_name"].partition(":")[0])

    def load(*args: Any, **kwargs: Any) -> Any:
        engine = original(*args, **kwargs)
        engine.atom_notifier.register(Notifier.ANY, passed)
        return engine

    return load
