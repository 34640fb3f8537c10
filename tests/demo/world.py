"""The namespaces in which the whole cloud lives.

One process, the keeper, holds a network, mount, IPC and PID namespace. Every service, bridge,
veth, mount and socket of the cloud is inside them, so that ending the keeper ends everything at
once, and nothing can be left on the machine, however a run ends. The keeper dies with the demo
(parent-death signal) unless the cloud is to be kept.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from tests.demo.settings import LIVE, Settings

# pid 1 of the cloud: private /run and /sys, loopback up, then reap whatever is orphaned.
KEEPER = f"""
set -e
mount -t sysfs sysfs /sys
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/netns /run/lock {LIVE}
ip link set lo up
echo ready
exec >/dev/null 2>&1
while :; do sleep 86400 & wait; done
"""
UNSHARE = ("unshare", "--net", "--mount", "--ipc", "--pid", "--fork", "--kill-child")


class World:
    """Makes, finds and ends the keeper."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.process: subprocess.Popen[str] | None = None

    def start(self, keep: bool) -> None:
        """Makes the namespaces; with *keep* they survive this process."""
        guard = () if keep else ("setpriv", "--pdeathsig", "KILL")
        self.process = subprocess.Popen(
            [*guard, *UNSHARE, "--mount-proc", "sh", "-c", KEEPER],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        answer = self.process.stdout.readline().strip()
        if answer != "ready":
            raise SystemExit(f"no namespaces on this machine: {answer or 'unshare failed'}")
        self.settings.keeper_pid.write_text(f"{self.process.pid} {started(self.process.pid)}")

    def pid(self) -> int | None:
        """The keeper's pid, also one of an earlier run; None when there is none."""
        try:
            pid, ticks = self.settings.keeper_pid.read_text().split()
        except (OSError, ValueError):
            return None
        return int(pid) if started(int(pid)) == ticks else None

    def stop(self) -> bool:
        """Ends the keeper, and with it everything in its namespaces. False: there was none."""
        pid = self.pid()
        if pid is None:
            self.settings.keeper_pid.unlink(missing_ok=True)
            return False
        inner = child(pid)
        os.kill(pid, signal.SIGKILL)
        if self.process is not None:
            self.process.wait()
        for _ in range(100):
            if started(pid) is None and (inner is None or started(inner) is None):
                break
            time.sleep(0.1)
        self.settings.keeper_pid.unlink(missing_ok=True)
        return True

    def enter(self, *command: str) -> list[str]:
        """The command line which runs *command* inside the namespaces."""
        pid = self.pid()
        inner = child(pid) if pid else None
        if inner is None:
            raise SystemExit("the cloud is not up")
        return ["nsenter", "-t", str(inner), "-n", "-m", "-i", "-p", *command]

    def identity(self) -> str | None:
        """What names the network namespace of the cloud, None when it is not up."""
        pid = self.pid()
        inner = child(pid) if pid else None
        return os.readlink(f"/proc/{inner}/ns/net") if inner else None

    def left(self, network: str | None) -> list[int]:
        """Processes which are still in that namespace."""
        found = []
        for entry in Path("/proc").glob("[0-9]*/ns/net"):
            try:
                if os.readlink(entry) == network:
                    found.append(int(entry.parts[2]))
            except OSError:
                continue
        return found


def started(pid: int) -> str | None:
    """A process's start time in clock ticks: with the pid it names one process for good."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]


def child(pid: int) -> int | None:
    """The keeper's only child, pid 1 inside."""
    try:
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return None
    return int(found[0]) if found else None
