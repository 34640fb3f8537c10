"""What a test may do to the running cloud: faults, dead agents, other VFs, frozen services.

Everything goes through files in ``/run/demo`` or signals, so that any process within the cloud's
namespaces can do it. OpenStack's code stays as it is.
"""

from __future__ import annotations

import json
import os
import signal
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.demo.processes import started
from tests.demo.report import wait_for
from tests.demo.settings import LIVE
from tests.demo.virt import links

AGENTS = LIVE / "agents"
HOSTS = LIVE / "hosts"


def rules(service: str) -> Path:
    """Where the rules of a service's API are (``faults``)."""
    directory = LIVE / "faults" / service
    directory.mkdir(parents=True, exist_ok=True)
    return directory


class Fault:
    """A rule in force."""

    def __init__(self, service: str, rule: dict[str, Any]) -> None:
        self.file = rules(service) / f"{uuid.uuid4()}.json"
        partial = self.file.with_suffix(".partial")
        partial.write_text(json.dumps(rule))
        partial.rename(self.file)

    @property
    def hits(self) -> list[str]:
        """The calls it has caught."""
        try:
            return self.file.with_suffix(".hits").read_text().splitlines()
        except FileNotFoundError:
            return []

    def remove(self) -> None:
        """Ends it; the hits stay readable."""
        self.file.unlink(missing_ok=True)


@contextmanager
def fault(service: str, method: str, path: str, **more: Any) -> Iterator[Fault]:
    """Some calls of *service* (nova, neutron, ...) fail or are slow meanwhile."""
    made = Fault(service, {"method": method, "path": path, **more})
    try:
        yield made
    finally:
        made.remove()


def silenced() -> set[tuple[str, str]]:
    """(host, type) of the L2 agents which shall be dead."""
    return {(file.parent.name, file.name) for file in AGENTS.glob("*/*")}


@contextmanager
def dead_agent(api: Any, host: str, kind: str) -> Iterator[None]:
    """The L2 agent of a type is dead on a host meanwhile; Neutron knows."""

    def alive() -> bool:
        return next(api.network.agents(host=host, agent_type=kind)).is_alive

    file = AGENTS / host / kind
    file.parent.mkdir(exist_ok=True)
    file.touch()
    try:
        wait_for(f"{kind} of {host} dead", lambda: not alive(), seconds=20)
        yield
    finally:
        file.unlink()
        wait_for(f"{kind} of {host} alive", alive, seconds=20)


def hardware(host: str, pf: str, **changes: Any) -> None:
    """Other VFs on a PF of a host (fields of ``settings.Pf``); Nova knows when this returns.

    A VF that a server holds stays with the server.
    """
    file = HOSTS / f"{host}.json"
    with links.lock():
        present = json.loads(file.read_text()) if file.exists() else {}
        present.setdefault(pf, {}).update(changes)
        partial = file.with_suffix(".partial")
        partial.write_text(json.dumps(present))
        partial.rename(file)
        when = file.stat().st_mtime_ns
    seen = file.with_suffix(".seen")
    wait_for(
        f"nova-compute of {host} to see its devices",
        lambda: seen.exists() and int(seen.read_text() or 0) >= when,
        seconds=60,
    )


@contextmanager
def frozen(service: str) -> Iterator[None]:
    """A service (its name in log/) does nothing meanwhile."""
    group = started(service).pid
    os.killpg(group, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(group, signal.SIGCONT)


def restart(name: str) -> None:
    """Kills a service with its children, and starts it as it was started."""
    service = started(name)
    os.killpg(service.pid, signal.SIGKILL)
    alive = Path(f"/proc/{service.pid}/exe")
    wait_for(f"{name} ended", lambda: not alive.exists(), seconds=10)
    service.start()
