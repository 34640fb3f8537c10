"""Starting services: own session, own log file, killed with the namespaces they live in."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from tests.demo.report import DemoFailure
from tests.demo.settings import IP, LIVE, Settings

DROPPED = ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "OS_CLOUD", "OS_CLIENT_CONFIG_FILE")


def environment(settings: Settings, **more: str) -> dict[str, str]:
    """The environment of everything that runs in the cloud."""
    env = {k: v for k, v in os.environ.items() if k not in DROPPED}
    env.update(
        PATH=f"{settings.bin}:/usr/sbin:/usr/bin:/sbin:/bin",
        HOME=str(LIVE / "home"),
        NO_PROXY="*",
        no_proxy="*",
        LC_ALL="C.UTF-8",
        # two arenas are plenty here and halve the memory of the threaded services
        MALLOC_ARENA_MAX="2",
    )
    env.update(more)
    return env


# How each service was started and its pid, for whoever wants to stop it for a while.
STARTED = LIVE / "services"


@dataclass(frozen=True)
class Service:
    """A running service."""

    name: str
    command: list[str]
    env: dict[str, str]
    log: str
    pid: int = 0

    def start(self) -> subprocess.Popen[bytes]:
        """Starts it and writes down its pid."""
        with Path(self.log).open("ab") as out:
            process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd="/",
                env=self.env,
                start_new_session=True,
            )
        note = asdict(replace(self, pid=process.pid))
        (STARTED / f"{self.name}.json").write_text(json.dumps(note))
        return process


def started(name: str) -> Service:
    """A service of this cloud."""
    return Service(**json.loads((STARTED / f"{name}.json").read_text()))


class Processes:
    """The services of one run."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *command: str | Path, **env: str) -> None:
        """Starts a service; its output goes to log/NAME.log."""
        log = str(self.settings.log / f"{name}.log")
        words = [str(part) for part in command]
        service = Service(name, words, environment(self.settings, **env), log)
        self.running[name] = service.start()

    def run(self, name: str, *command: str | Path, **env: str) -> None:
        """Runs a command to its end; a failure shows the end of its output."""
        log = self.settings.log / f"{name}.log"
        with log.open("ab") as out:
            out.write(f"$ {' '.join(map(str, command))}\n".encode())
            out.flush()
            done = subprocess.run(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd="/",
                env=environment(self.settings, **env),
                check=False,
            )
        if done.returncode:
            raise DemoFailure(f"{command[0]} failed ({done.returncode}):\n{tail(log, 25)}")

    def stop(self, name: str, seconds: float = 20.0) -> None:
        """Asks one service to end and waits for it."""
        process = self.running.pop(name)
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def check(self) -> None:
        """Raises when a service has ended by itself."""
        for name, process in self.running.items():
            if process.poll() is not None:
                log = self.settings.log / f"{name}.log"
                raise DemoFailure(f"{name} ended ({process.returncode}):\n{tail(log, 25)}")

    def wait_port(self, port: int, seconds: float = 90.0) -> None:
        """Waits until something listens on a port of the loopback interface."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with socket.socket() as sock:
                sock.settimeout(1)
                if sock.connect_ex((IP, port)) == 0:
                    return
            self.check()
            time.sleep(0.1)
        raise DemoFailure(f"port {port} did not open within {seconds:.0f} s")

    def wait_http(self, url: str, seconds: float = 120.0) -> None:
        """Waits until an API gives any HTTP answer."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=20)
                return
            except urllib.error.HTTPError:
                return
            except OSError:
                self.check()
                time.sleep(0.2)
        raise DemoFailure(f"{url} did not answer within {seconds:.0f} s")


def tail(path: Path, lines: int) -> str:
    """The last lines of a file."""
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except OSError as error:
        return f"(no {path}: {error.strerror})"
