"""Runs units: what a service manager does for the agent of an amphora."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from sriov_provider.compute.local.guest import units
from sriov_provider.compute.local.guest.units import Command, Unit

# Seconds.
_COMMAND = 60.0
_READY = 10.0
_STOP = 10.0
_PAUSE = 0.05


class Services:
    """:param state: a directory that goes with the amphora's processes
    :param log: what units print
    """

    def __init__(self, state: Path = Path("/run/units"), log: Path = Path("/var/log/units.log")):
        self._state = state
        self._log = log

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """One at a time."""
        self._state.mkdir(parents=True, exist_ok=True)
        with (self._state / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def main_pid(self, name: str) -> int | None:
        """Of a unit that runs."""
        try:
            pid = int((self._state / f"{name}.pid").read_text())
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
        except (OSError, ValueError, IndexError):
            return None
        return None if state == "Z" else pid

    def unit_of(self, pid: int) -> str | None:
        """Whose main process this is or was, unless it was stopped."""
        for path in self._state.glob("*.pid"):
            with contextlib.suppress(OSError, ValueError):
                if int(path.read_text()) == pid:
                    return path.stem
        return None

    def active(self, name: str) -> bool:
        return self._done(name).exists() or self.main_pid(name) is not None

    def start(self, unit: Unit) -> bool:
        """What it requires first. False when a command failed that must not."""
        if self.active(unit.name):
            return True
        needed = (units.load(name) for name in unit.requires)
        if not all(self.start(other) for other in needed if other):
            return False
        if not self._all(unit.commands("ExecStartPre")):
            return False
        if unit.kind == units.ONESHOT:
            done = self._all(unit.commands("ExecStart"))
            if done:
                self._done(unit.name).touch()
            return done
        if unit.kind == units.FORKING:
            return self._all(unit.commands("ExecStart")) and self._adopt(unit)
        return self._spawn(unit)

    def stop(self, unit: Unit) -> bool:
        """With force after a while."""
        pid = self.main_pid(unit.name)
        # First: whoever watches it must not start it again.
        (self._state / f"{unit.name}.pid").unlink(missing_ok=True)
        self._done(unit.name).unlink(missing_ok=True)
        if pid is not None:
            _end(pid)
        return True

    def reload(self, unit: Unit) -> bool:
        pid = self.main_pid(unit.name)
        if pid is None:
            print(f"{unit.name} is not active, cannot reload.")  # the agent knows these words
            return False
        return self._all(unit.commands("ExecReload", pid))

    def _all(self, commands: tuple[Command, ...]) -> bool:
        return all(self._run(command) or command.may_fail for command in commands)

    def _run(self, command: Command) -> bool:
        with self._output(command) as log:
            try:
                done = subprocess.run(
                    command.words,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    timeout=_COMMAND,
                    check=False,
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                print(error, file=log)
                return False
            if done.returncode:
                print(f"exit code {done.returncode}", file=log)
        return done.returncode == 0

    def _spawn(self, unit: Unit) -> bool:
        """A service that stays; one of type notify says when it is ready."""
        (command,) = unit.commands("ExecStart")
        path = self._state / f"{unit.name}.notify"
        path.unlink(missing_ok=True)
        with self._output(command) as log, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
            ear.bind(str(path))
            process = subprocess.Popen(
                command.words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, "NOTIFY_SOCKET": str(path)},
            )
            (self._state / f"{unit.name}.pid").write_text(str(process.pid))
            ready = unit.kind != units.NOTIFY or _said_ready(ear, process)
        path.unlink(missing_ok=True)
        return ready and process.poll() in (None, 0)

    def _adopt(self, unit: Unit) -> bool:
        """The pid of a service that went into the background."""
        deadline = time.monotonic() + _READY
        while unit.pid_file and time.monotonic() < deadline:
            with contextlib.suppress(OSError, ValueError):
                pid = int(unit.pid_file.read_text())
                (self._state / f"{unit.name}.pid").write_text(str(pid))
                return True
            time.sleep(_PAUSE)
        return unit.pid_file is None

    def _done(self, name: str) -> Path:
        return self._state / f"{name}.done"

    @contextlib.contextmanager
    def _output(self, command: Command) -> Iterator[IO[str]]:
        with self._log.open("a") as log:
            print(time.strftime("%F %T"), *command.words, file=log, flush=True)
            yield log


def _said_ready(ear: socket.socket, process: subprocess.Popen[bytes]) -> bool:
    ear.settimeout(_PAUSE)
    deadline = time.monotonic() + _READY
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(TimeoutError):
            if b"READY=1" in ear.recv(4096):
                return True
    return False


def _end(pid: int) -> None:
    """It is gone afterwards: whoever is started next wants its sockets."""
    for sent in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, sent)
        deadline = time.monotonic() + _STOP
        while _alive(pid):
            if time.monotonic() > deadline:
                break
            time.sleep(_PAUSE)
        else:
            return


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False
