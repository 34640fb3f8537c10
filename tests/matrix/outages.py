"""What is taken away for a few seconds, and given back.

A service that is *away* refuses: its process is killed, or its port answers with a reset, which
ends the requests at hand too. One that is *silent* takes connections and says nothing.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.demo import stores
from tests.demo.processes import started
from tests.demo.report import wait_for
from tests.demo.settings import IP, LIVE, PORTS
from tests.demo.virt import links
from tests.matrix.workers import alive

TABLE = "matrix"
AGENT_PORT = 9443
# Seconds a service is away; what needs longer to start is away for as long as that takes.
SECONDS = 4.0
# To be killed without losing what has been committed.
DURABLE = "SET GLOBAL innodb_flush_log_at_trx_commit=2"


@dataclass(frozen=True)
class Outage:
    """:ivar begin: returns when the service is away
    :ivar end: returns when the service is back
    """

    begin: Callable[[], None]
    end: Callable[[], None]


def reset(port: int, verdict: str = "reject with tcp reset") -> Outage:
    """A TCP port of any host of the cloud, as seen from the controllers."""
    chain = "type filter hook output priority -10 ;"

    def begin() -> None:
        links.run("nft", f"add table inet {TABLE}")
        links.run("nft", f"add chain inet {TABLE} out {{ {chain} }}")
        links.run("nft", f"add rule inet {TABLE} out tcp dport {port} {verdict}")
        links.run("nft", f"add rule inet {TABLE} out tcp sport {port} {verdict}")

    def end() -> None:
        links.run("nft", "delete", "table", "inet", TABLE, check=False)

    return Outage(begin, end)


def killed(name: str, ready: Callable[[], bool]) -> Outage:
    """A service with all its processes."""
    starting = threading.Lock()

    def begin() -> None:
        pid = started(name).pid
        os.killpg(pid, signal.SIGKILL)
        wait_for(f"{name} dead", lambda: not alive(pid), 10, 0.02)

    def end() -> None:
        with starting:
            # Whoever puts things in order may have been faster than the outage's own end.
            if not alive(started(name).pid):
                started(name).start()
            wait_for(f"{name} back", ready, 60, 0.1)

    return Outage(begin, end)


def frozen(name: str) -> Outage:
    """A service which does nothing, and then goes on."""

    def signalled(number: int) -> Callable[[], None]:
        return lambda: os.killpg(started(name).pid, number)

    return Outage(signalled(signal.SIGSTOP), signalled(signal.SIGCONT))


def database_back() -> bool:
    """MariaDB answers."""
    return stores.sql(DURABLE) == 0


def broker_back() -> bool:
    """RabbitMQ speaks AMQP."""
    with socket.socket() as wire:
        wire.settimeout(2)
        try:
            wire.connect((IP, PORTS["rabbitmq"]))
            wire.sendall(b"AMQP\x00\x00\x09\x01")
            return bool(wire.recv(1))
        except OSError:
            return False


def driver_agent_back() -> bool:
    """All three sockets take connections."""
    return all(_listens(str(LIVE / f"octavia/{name}.sock")) for name in ("status", "stats", "get"))


def _listens(path: str) -> bool:
    """It is told a size that is none: a child that is told nothing reads on for ever."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as wire:
        taken = wire.connect_ex(path) == 0
        if taken:
            wire.sendall(b"\n")
        return taken


AWAY = {
    "RabbitMQ": reset(PORTS["rabbitmq"]),
    "database": killed("mariadb", database_back),
    "Neutron": reset(PORTS["neutron"]),
    "Nova": reset(PORTS["nova"]),
    "driver-agent": killed("octavia-driver-agent", driver_agent_back),
    "amphora agent": reset(AGENT_PORT),
}
# Takes some 20 s to come back.
RESTARTED = {"RabbitMQ restarted": killed("rabbitmq", broker_back)}
SILENT = {
    "RabbitMQ silent": frozen("rabbitmq"),
    "database silent": frozen("mariadb"),
    "Neutron silent": frozen("neutron"),
    "Nova silent": frozen("nova"),
    "driver-agent silent": frozen("octavia-driver-agent"),
    "amphora agent silent": reset(AGENT_PORT, "drop"),
}
KILLED = {
    "mariadb": "database",
    "rabbitmq": "RabbitMQ restarted",
    "octavia-driver-agent": "driver-agent",
}
OUTAGES = AWAY | RESTARTED | SILENT


def last(outage: Outage, began: float) -> None:
    """Until the time is over and the service is back."""
    time.sleep(max(0.0, began + SECONDS - time.monotonic()))
    outage.end()


def restart_driver_agent(*config_files: str) -> None:
    """With other configuration files behind its own; none for its own alone."""
    file = LIVE / "services/octavia-driver-agent.json"
    note = json.loads(file.read_text())
    command: list[str] = note["command"]
    own = command[: command.index("--config-file") + 2]
    rest = command[command.index("--log-file") :]
    more = [word for name in config_files for word in ("--config-file", name)]
    outage = AWAY["driver-agent"]
    outage.begin()
    file.write_text(json.dumps({**note, "command": [*own, *more, *rest]}))
    outage.end()


def repair() -> None:
    """Whatever an interrupted scenario has left away comes back."""
    links.run("nft", "delete", "table", "inet", TABLE, check=False)
    for name in ("rabbitmq", "mariadb", "neutron", "nova", "octavia-driver-agent"):
        if alive(started(name).pid):
            os.killpg(started(name).pid, signal.SIGCONT)
    for name, outage in KILLED.items():
        if not alive(started(name).pid):
            OUTAGES[outage].end()
