"""MariaDB, RabbitMQ and memcached."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence

from tests.demo.conf.common import DATA
from tests.demo.processes import Processes
from tests.demo.report import wait_for
from tests.demo.settings import DATABASES, IP, LIVE, PASSWORD, PORTS

MYSQL = DATA / "mysql"
RUN = LIVE / "mysql"
SOCKET = RUN / "mysql.sock"
RABBIT = LIVE / "rabbit"
RABBIT_CONF = f"""\
listeners.tcp.1 = {IP}:{PORTS["rabbitmq"]}
default_user = demo
default_pass = {PASSWORD}
default_permissions.configure = .*
default_permissions.read = .*
default_permissions.write = .*
default_user_tags.administrator = true
loopback_users = none
"""
# Erlang: no port but on loopback, and no busy waiting of its schedulers
ERLANG = "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none"


def install_mariadb(processes: Processes) -> None:
    """An empty data directory."""
    MYSQL.mkdir(parents=True)
    shutil.chown(MYSQL, "mysql")
    processes.run(
        "mariadb",
        *("mariadb-install-db", "--no-defaults", "--user=mysql", f"--datadir={MYSQL}"),
        *("--auth-root-authentication-method=normal", "--skip-test-db"),
        *("--innodb-log-file-size=16M",),
    )


def start_mariadb(processes: Processes) -> None:
    """The server; durability is off, the data live as long as the demo."""
    RUN.mkdir(exist_ok=True)
    shutil.chown(RUN, "mysql")
    processes.start(
        "mariadb",
        *("mariadbd", "--no-defaults", "--user=mysql", f"--datadir={MYSQL}"),
        *(f"--socket={SOCKET}", f"--pid-file={RUN}/mysql.pid", f"--bind-address={IP}"),
        *("--max-connections=1000", "--skip-name-resolve", "--innodb-log-file-size=16M"),
        *("--innodb-flush-log-at-trx-commit=0", "--sync-binlog=0", "--skip-innodb-doublewrite"),
        "--innodb-buffer-pool-size=256M",
    )


def wait_mariadb(processes: Processes) -> None:
    """Until it answers."""
    processes.wait_port(PORTS["mysql"])
    wait_for("MariaDB", lambda: sql("SELECT 1") == 0, seconds=60)


def sql(text: str) -> int:
    """Runs statements as root; the exit code."""
    command = ("mariadb", "--no-defaults", "-uroot", "-S", str(SOCKET), "-e", text)
    return subprocess.run(command, capture_output=True, check=False).returncode


def create_databases(names: Sequence[str] = DATABASES) -> None:
    """All databases and the one user of all services."""
    user = f"'demo'@'{IP}' IDENTIFIED BY '{PASSWORD}'"
    for name in names:
        wait_for(
            f"database {name}",
            lambda name=name: (
                sql(
                    f"CREATE DATABASE IF NOT EXISTS {name} CHARACTER SET utf8mb4;"
                    f"GRANT ALL ON {name}.* TO {user};"
                )
                == 0
            ),
        )


def start_rabbitmq(processes: Processes) -> None:
    """A fresh broker in every run: queues are made by the services."""
    for directory in (RABBIT, RABBIT / "log", RABBIT / "mnesia"):
        directory.mkdir(parents=True, exist_ok=True)
        shutil.chown(directory, "rabbitmq")
    (RABBIT / "rabbitmq.conf").write_text(RABBIT_CONF)
    processes.start(
        "rabbitmq",
        *("setpriv", "--reuid=rabbitmq", "--regid=rabbitmq", "--clear-groups"),
        "/usr/lib/rabbitmq/bin/rabbitmq-server",
        HOME=str(RABBIT),
        PATH="/usr/sbin:/usr/bin:/sbin:/bin",
        RABBITMQ_NODENAME="demo@localhost",
        ERL_EPMD_ADDRESS=IP,
        ERL_EPMD_PORT=str(PORTS["epmd"]),
        RABBITMQ_MNESIA_BASE=str(RABBIT / "mnesia"),
        RABBITMQ_LOG_BASE=str(RABBIT / "log"),
        RABBITMQ_CONFIG_FILE=str(RABBIT / "rabbitmq"),
        RABBITMQ_ENABLED_PLUGINS_FILE=str(RABBIT / "enabled_plugins"),
        RABBITMQ_DIST_PORT="25672",
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=ERLANG,
    )


def start_memcached(processes: Processes) -> None:
    """The token cache."""
    port = str(PORTS["memcached"])
    processes.start("memcached", "memcached", "-u", "nobody", "-l", IP, "-p", port, "-m", "64")
