"""The first process of an amphora: starts its units and its agent, again when they end; buries
whoever dies; keeps the log."""

from __future__ import annotations

import collections
import contextlib
import os
import re
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

from sriov_provider.compute.local.guest import python, units
from sriov_provider.compute.local.guest.services import Services
from sriov_provider.compute.local.guest.spec import Spec

SYSLOG = Path("/run/rsyslog/octavia/log")
_LOGS = Path("/var/log")
# Bytes of a log before it is set aside once.
_LOG_SIZE = 8 << 20
# Seconds.
_LOOK = 30.0
_GRACE = 5.0
# What ends more often than this is left alone: times, in seconds.
_STARTS = (5, 30.0)
_AGENT = "agent"
_BOOT = "boot"
_USUAL = "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Init:
    """pid 1."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._services = Services()
        self._children: dict[int, str] = {}
        self._starts: dict[str, collections.deque[float]] = {}
        self._stop = False

    def run(self) -> NoReturn:
        """Until SIGTERM."""
        os.environ.clear()
        path = ":".join((_USUAL.partition(":")[0], *self._spec.path, _USUAL))
        os.environ.update(PATH=path, HOME="/run/home", LANG="C.UTF-8")
        ear, woken = _syslog(), _signals(self._on_stop)
        with selectors.DefaultSelector() as events:
            events.register(ear, selectors.EVENT_READ)
            events.register(woken, selectors.EVENT_READ)
            self._boot()
            while not self._stop:
                for key, _ in events.select(_LOOK):
                    if key.fileobj is ear:
                        _write(ear)
                    else:
                        woken.recv(4096)
                self._bury()
                _rotate()
        self._end()

    def _on_stop(self, *_: object) -> None:
        self._stop = True

    def _boot(self) -> None:
        """After a reboot the units come first: with their rules, before anybody can ask the agent
        for others."""
        wanted = units.enabled()
        if wanted:
            self._run(_BOOT, python.command("systemctl", "start", *wanted))
        else:
            self._run(_AGENT, self._spec.agent)

    def _run(self, what: str, words: list[str] | tuple[str, ...]) -> None:
        print(time.strftime("%F %T"), *words, flush=True)
        try:
            child = subprocess.Popen(words, stdin=subprocess.DEVNULL, start_new_session=True)
        except OSError as error:
            print(error, flush=True)
            return
        self._children[child.pid] = what
        # It is buried here, not by the object.
        child.returncode = 0

    def _bury(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                self._gone(pid, status)

    def _gone(self, pid: int, status: int) -> None:
        what = self._children.pop(pid, None)
        if what is not None:
            print(time.strftime("%F %T"), what, "ended with status", status, flush=True)
        if what == _BOOT or (what == _AGENT and self._may_start(_AGENT)):
            self._run(_AGENT, self._spec.agent)
            return
        name = self._services.unit_of(pid)
        unit = units.load(name) if name else None
        if unit and unit.restarts and self._may_start(unit.name):
            self._run(unit.name, python.command("systemctl", "start", unit.name))

    def _may_start(self, what: str) -> bool:
        times, seconds = _STARTS
        now = time.monotonic()
        past = self._starts.setdefault(what, collections.deque(maxlen=times))
        if len(past) == times and now - past[0] < seconds:
            print(f"{what} ends again and again", flush=True)
            return False
        past.append(now)
        return True

    def _end(self) -> NoReturn:
        """keepalived hands the VIP over when it is asked to end."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGTERM)
        deadline = time.monotonic() + _GRACE
        with contextlib.suppress(ChildProcessError):
            while time.monotonic() < deadline:
                if os.waitpid(-1, os.WNOHANG)[0] == 0:
                    time.sleep(0.05)
        sys.stdout.flush()
        os._exit(0)


def _syslog() -> socket.socket:
    """Of the agent, haproxy and keepalived."""
    ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    ear.bind(str(SYSLOG))
    SYSLOG.chmod(0o666)
    ear.setblocking(False)
    return ear


def _signals(stop: object) -> socket.socket:
    """Readable when a signal has come."""
    wake, woken = socket.socketpair()
    for end in (wake, woken):
        end.setblocking(False)
    signal.set_wakeup_fd(wake.detach(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGTERM, stop)  # type: ignore[arg-type]
    return woken


def _write(ear: socket.socket) -> None:
    """All that has come, without the syslog priority; a full disk ends no amphora."""
    with contextlib.suppress(OSError), (_LOGS / "syslog.log").open("ab") as log:
        while True:
            log.write(re.sub(rb"^<\d+>", b"", ear.recv(65536)).rstrip(b"\n\0") + b"\n")


def _rotate() -> None:
    """Whoever writes has the file open."""
    for path in _LOGS.glob("*.log"):
        if path.stat().st_size > _LOG_SIZE:
            with contextlib.suppress(OSError):
                shutil.copyfile(path, f"{path}.1")
            os.truncate(path, 0)
