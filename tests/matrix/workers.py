"""The workers of the matrix: started, asked to end, killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.demo.processes import environment
from tests.demo.report import expect, wait_for
from tests.demo.settings import ROOT, Settings


def alive(pid: int) -> bool:
    """Whether a process runs."""
    return Path(f"/proc/{pid}/exe").exists()


class Workers:
    """All that run now, by pid."""

    def __init__(self, settings: Settings, socket: Path, config_files: tuple[Path, ...]) -> None:
        self.pids: list[int] = []
        self._log = (settings.log / "matrix-workers.log").open("ab")
        command = [sys.executable, "-m", "tests.matrix.nest", str(socket)]
        self._nest = subprocess.Popen(
            [*command, *map(str, config_files)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            cwd="/",
            env=environment(settings, PYTHONPATH=str(ROOT)),
        )
        expect(self._answer() == "ready", "the nest of the workers did not start")

    def _answer(self) -> str:
        assert self._nest.stdout is not None
        return self._nest.stdout.readline().strip()

    def start(self) -> int:
        """One more; its pid."""
        assert self._nest.stdin is not None
        self._nest.stdin.write("start\n")
        self._nest.stdin.flush()
        self.pids.append(int(self._answer()))
        return self.pids[-1]

    def running(self) -> list[int]:
        """Pids."""
        self.pids = [pid for pid in self.pids if alive(pid)]
        return self.pids

    def exactly(self, number: int) -> None:
        """So many, none of them half-dead."""
        while len(self.running()) > number:
            self.end(self.pids[0])
        while len(self.running()) < number:
            self.start()

    def end(self, pid: int, seconds: float = 90.0) -> None:
        """Asked to end, and waited for."""
        os.kill(pid, signal.SIGTERM)
        wait_for(f"worker {pid} ended", lambda: not alive(pid), seconds)

    def kill(self) -> None:
        """All of them."""
        for pid in self.running():
            os.kill(pid, signal.SIGKILL)
            wait_for(f"worker {pid} dead", lambda pid=pid: not alive(pid), 10, 0.02)

    def close(self) -> None:
        """The nest, with what is left in it."""
        assert self._nest.stdin is not None
        self.kill()
        self._nest.stdin.close()
        self._nest.wait(20)
        self._log.close()
