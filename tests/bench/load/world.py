"""Database, records, worker and Octavia, each a process or a part of this one."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sriov_provider import config
from sriov_provider.db import migrate
from tests.bench.load import records
from tests.bench.load.octavia import Octavia, Sockets, Users
from tests.bench.load.worker import KEY
from tests.functional.db import servers
from tests.unit.amphora import pki

HEARTBEAT_KEY = "bench"
# Of a small production server.
SERVER = ("--innodb-buffer-pool-size=512M", "--innodb-flush-log-at-trx-commit=2")
_CONF = """\
[DEFAULT]
transport_url = fake:/
[sriov_provider]
database_connection = {database}
# wake-ups come at once; polls would be counted with the operations
poll_interval = 3600
preflight_timeout = 0
heartbeat_bind = 127.0.0.1:{port}
[controller_worker]
amp_boot_network_list = mgmt-net
amp_secgroup_list = mgmt-group
amp_flavor_id = 1
amp_image_tag = amphora
amp_active_wait_sec = 1
client_ca = {home}/client_ca.pem
[haproxy_amphora]
client_cert = {home}/client.pem
server_ca = {home}/server_ca.pem
[certificates]
ca_certificate = {home}/server_ca.pem
ca_private_key = {home}/server_ca.key
ca_private_key_passphrase = bench
[health_manager]
heartbeat_key = {key}
controller_ip_port_list = 127.0.0.1:{port}
[driver_agent]
status_socket_path = {home}/status.sock
stats_socket_path = {home}/stats.sock
get_socket_path = {home}/get.sock
"""


class Talk:
    """The bench's word with the worker."""

    def __init__(self, address: str, process: subprocess.Popen[bytes]) -> None:
        self._lock = threading.Lock()
        deadline = time.monotonic() + 60
        while not Path(address).exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the worker did not start")
            time.sleep(0.1)
        self._worker = multiprocessing.connection.Client(address, authkey=KEY)

    def wake(self, job_id: str) -> None:
        with self._lock:
            self._worker.send(("wake", job_id))

    def counts(self) -> dict[str, int]:
        """Statements so far, by kind of thread."""
        with self._lock:
            self._worker.send(("counts", None))
            return dict(self._worker.recv())

    def stop(self) -> None:
        with self._lock:
            self._worker.send(("stop", None))


class World:
    """:ivar pid: of the worker
    :ivar database_pid: of MariaDB
    """

    def __init__(self, settings: config.Settings, talk: Talk, pid: int, cloud: Any) -> None:
        self.settings, self.talk, self.pid, self.cloud = settings, talk, pid, cloud
        self.octavia = Octavia()
        self.users = Users(settings, cloud, self.octavia, talk.wake)


@contextlib.contextmanager
def running(port: int) -> Iterator[World]:
    """:param port: where the worker hears heartbeats"""
    with (
        servers.mariadb(*SERVER) as server,
        tempfile.TemporaryDirectory(prefix="sriov-load-") as home,
    ):
        url = _database(server)
        conf = Path(home, "octavia.conf")
        conf.write_text(_CONF.format(database=url, home=home, port=port, key=HEARTBEAT_KEY))
        _certificates(Path(home))
        address = f"{home}/records.sock"
        cloud = records.Manager(address=address, authkey=records.KEY)
        cloud.start()
        try:
            with _worker(conf, Path(home), address) as process:
                talk = Talk(f"{home}/control.sock", process)
                settings = config.settings(config.parse([str(conf)]))
                world = World(settings, talk, process.pid, records.connect(address))
                sockets = Sockets(world.octavia, Path(home))
                yield world
                talk.stop()
                process.wait(30)
                sockets.close()
        finally:
            cloud.shutdown()


def _database(server: str) -> str:
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text("CREATE DATABASE provider"))
    engine.dispose()
    migrate.upgrade(server + "provider")
    return server + "provider"


def _certificates(home: Path) -> None:
    ca, client = pki.authority("server CA"), pki.authority("client CA")
    for name, content in (
        ("server_ca.pem", ca.certificate),
        ("server_ca.key", pki.with_passphrase(ca.key, "bench").encode()),
        ("client_ca.pem", client.certificate),
        ("client.pem", client.pem),
    ):
        (home / name).write_bytes(content)


@contextlib.contextmanager
def _worker(conf: Path, home: Path, cloud: str) -> Iterator[subprocess.Popen[bytes]]:
    # As etc/systemd/sriov-provider-worker.service starts it.
    env = {**os.environ, "PYTHONOPTIMIZE": "2"}
    command = (sys.executable, "-W", "ignore", "-m", "tests.bench.load.worker")
    process = subprocess.Popen([*command, str(conf), str(home / "control.sock"), cloud], env=env)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def memory(pid: int) -> tuple[float, float]:
    """RSS and PSS, in MiB."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = (re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE) for name in ("Rss", "Pss"))
    rss, pss = (int(match[1]) / 1024 for match in found if match)
    return rss, pss


def cpu(pid: int) -> float:
    """Seconds of processor time so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:13]) / os.sysconf("SC_CLK_TCK")
