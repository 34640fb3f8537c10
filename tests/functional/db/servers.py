"""Real database servers on loopback, with directories and ports of their own."""

from __future__ import annotations

import contextlib
import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa

from sriov_provider.db.engine import create_engine

START_TIMEOUT = 60.0


@contextlib.contextmanager
def mariadb(*options: str) -> Iterator[str]:
    """A running MariaDB server; yields the URL of its root user, without a database.

    :param options: of the server, in place of those for a test's few rows
    """
    daemon = _binary("mariadbd", "mariadb-server")
    install = _binary("mariadb-install-db", "mariadb-server")
    with _directory("mysql") as home:
        common = ["--no-defaults", f"--datadir={home}/data"]
        _run(
            "mysql",
            [install, *common, "--auth-root-authentication-method=normal", "--skip-test-db"],
        )
        port = _free_port()
        network = ["--bind-address=127.0.0.1", f"--port={port}", f"--socket={home}/s"]
        lean = options or ("--innodb-buffer-pool-size=16M", "--innodb-flush-log-at-trx-commit=0")
        url = f"mysql+pymysql://root@127.0.0.1:{port}/"
        with _serving("mysql", [daemon, *common, *network, *lean], home, url, signal.SIGTERM):
            yield url


@contextlib.contextmanager
def postgresql() -> Iterator[str]:
    """A running PostgreSQL server; yields the URL of its superuser, without a database."""
    initdb = _binary("initdb", "postgresql")
    daemon = _binary("postgres", "postgresql")
    with _directory("postgres") as home:
        _run("postgres", [initdb, "-D", f"{home}/data", "-A", "trust", "-U", "postgres", "-N"])
        port = _free_port()
        options = ["listen_addresses=127.0.0.1", f"unix_socket_directories={home}", "fsync=off"]
        arguments = [argument for option in options for argument in ("-c", option)]
        command = [daemon, "-D", f"{home}/data", "-p", str(port), *arguments]
        url = f"postgresql+psycopg://postgres@127.0.0.1:{port}/"
        with _serving("postgres", command, home, url + "postgres", signal.SIGINT):
            yield url


@contextlib.contextmanager
def _serving(
    user: str, command: Sequence[str], home: Path, url: str, stop: signal.Signals
) -> Iterator[None]:
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [*_as_user(user), *command], stdout=log, stderr=subprocess.STDOUT, cwd="/"
        )
    try:
        _await(process, url, home / "log")
        yield
    finally:
        process.send_signal(stop)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    engine = create_engine(url)
    deadline = time.monotonic() + START_TIMEOUT
    while True:
        try:
            engine.connect().close()
            break
        except sa.exc.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"The database server did not start:\n{log.read_text()[-4000:]}")
            time.sleep(0.1)
    engine.dispose()


@contextlib.contextmanager
def _directory(user: str) -> Iterator[Path]:
    path = tempfile.mkdtemp(prefix="sriov-provider-")
    if os.geteuid() == 0:
        entry = pwd.getpwnam(user)
        os.chown(path, entry.pw_uid, entry.pw_gid)
    try:
        yield Path(path)
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _as_user(user: str) -> list[str]:
    """Neither server runs as root; an ordinary user runs it as himself."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]


def _run(user: str, command: Sequence[str]) -> None:
    done = subprocess.run(
        [*_as_user(user), *command], capture_output=True, text=True, timeout=120, cwd="/"
    )
    if done.returncode:
        pytest.fail(f"{command[0]} failed:\n{done.stdout}{done.stderr}")


def _binary(name: str, package: str) -> str:
    places = [os.environ["PATH"], "/usr/sbin", *glob.glob("/usr/lib/postgresql/*/bin")]
    found = shutil.which(name, path=os.pathsep.join(places))
    if found is None:
        pytest.fail(f"{name} is missing: install the Debian package {package}")
    return os.path.realpath(found)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
