"""The services that a measurement exchanges in a running cloud.

All of them live in the cloud's own pid namespace, so what is found here belongs to the cloud.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from tests.demo.processes import Processes
from tests.demo.settings import LIVE, ROOT, Settings

EXTRA = """\
[driver_agent]
enabled_provider_agents =
[controller_worker]
amphora_driver = {driver}
"""
# What Octavia ships, for both: the demo asks every second.
SHIPPED = """\
amp_active_retries = 30
amp_active_wait_sec = 10
[haproxy_amphora]
connection_max_retries = 120
connection_retry_interval = 5
"""
SOCKET = LIVE / "octavia/get.sock"
OURS = ("tests.bench.calls.our_worker", "sriov-provider")
STOCK = ("tests.bench.calls.stock_worker", "octavia-worker")
_COMPUTE = ("tests.demo.virt.compute", "tests.bench.calls.virt")


def commands() -> Iterator[tuple[int, list[str]]]:
    """(pid, command line) of every process of the cloud."""
    for place in Path("/proc").glob("[0-9]*"):
        try:
            line = (place / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        yield int(place.name), line.split("\0")


def find(*words: str) -> list[tuple[int, list[str]]]:
    """Processes whose command line has one of these words in it, oldest first."""
    own = os.getpid()
    return sorted(
        (pid, line)
        for pid, line in commands()
        if pid != own and any(word in part for part in line for word in words)
    )


def end(*words: str) -> None:
    """End these processes and wait until they are gone."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid, _ in find(*words):
            os.kill(pid, number)
        deadline = time.monotonic() + 15
        while find(*words) and time.monotonic() < deadline:
            time.sleep(0.1)


class Exchange:
    """Puts the processes in place whose work is compared."""

    def __init__(self, settings: Settings, agents: bool, shipped: bool) -> None:
        """
        :param agents: servers are namespaces with real agents, else records
        :param shipped: waits as Octavia ships them
        """
        self._settings, self._agents, self._shipped = settings, agents, shipped
        self._processes = Processes(settings)
        self._octavia = settings.etc / "octavia/octavia.conf"
        self._extra = settings.etc / "octavia/bench.conf"

    def prepare(self) -> None:
        """The hypervisor, and a driver-agent that leaves the jobs to a worker of its own."""
        driver = "amphora_haproxy_rest_driver" if self._agents else "amphora_noop_driver"
        self._extra.write_text(EXTRA.format(driver=driver) + SHIPPED * self._shipped)
        self._hypervisors()
        end("octavia-driver-agent", *STOCK, *OURS)
        SOCKET.unlink(missing_ok=True)
        command = self._settings.bin / "octavia-driver-agent"
        self._processes.start("bench-driver-agent", command, *self._files())

    def _hypervisors(self) -> None:
        """Each starts as it was, but from another module."""
        module = _COMPUTE[0] if self._agents else _COMPUTE[1]
        found = [(line, environment(pid)) for pid, line in find(*_COMPUTE)]
        end(*_COMPUTE)
        for line, env in {line[-2]: (line, env) for line, env in found}.values():
            command = [module if part in _COMPUTE else part for part in line if part]
            self._processes.start(f"bench-{Path(command[-1]).stem}", *command, **env)

    def workers(self) -> None:
        """One worker of each provider; each is idle while the other works."""
        python = self._settings.bin / "python"
        files = self._octavia, self._extra
        stock = (python, "-m", "tests.bench.calls.stock_worker", *self._files())
        ours: tuple[str | Path, ...] = (python, "-m", "tests.bench.calls.our_worker", *files)
        if self._agents:
            log = self._settings.log / "bench-our-worker-app.log"
            command = self._settings.bin / "sriov-provider"
            ours = (command, "--log-file", log, *self._files(), "worker")
        self._processes.start("bench-stock-worker", *stock, PYTHONPATH=str(ROOT))
        # as etc/systemd/sriov-provider-worker.service starts it
        self._processes.start("bench-our-worker", *ours, PYTHONPATH=str(ROOT), PYTHONOPTIMIZE="2")

    def _files(self) -> tuple[str | Path, ...]:
        return "--config-file", self._octavia, "--config-file", self._extra


def environment(pid: int) -> dict[str, str]:
    """What a process was started with."""
    pairs = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)


def cpu() -> float:
    """Seconds of processor time of all processes of the cloud, ended ones included."""
    ticks = 0
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = (place / "stat").read_text().rpartition(")")[2].split()
            ticks += sum(int(field) for field in fields[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory(*words: str) -> tuple[int, int, int]:
    """(processes, RSS, PSS) of these processes, in MiB."""
    resident = proportional = number = 0
    for pid, _ in find(*words):
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        resident += _kilobytes(text, "Rss")
        proportional += _kilobytes(text, "Pss")
        number += 1
    return number, resident // 1024, proportional // 1024


def _kilobytes(text: str, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) if found else 0
