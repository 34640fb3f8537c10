"""The stock side: what the installed octavia's health manager does with a datagram, on Octavia's
own schema. In this process: its pools of processes would only add to it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from octavia.amphorae.drivers.health import heartbeat_udp
from octavia.api.drivers.driver_agent import driver_updater
from octavia.common import config
from octavia.db import api, models
from oslo_config import cfg

from tests.bench.heartbeats.messages import KEY, Shape, ident

_CONF = """\
[database]
connection = {url}
[health_manager]
heartbeat_key = {key}
bind_ip = 127.0.0.1
"""


class _Wire:
    """A socket from which datagrams come."""

    def __init__(self) -> None:
        self.datagram = b""

    def recvfrom(self, _size: int) -> tuple[bytes, tuple[str, int]]:
        return self.datagram, ("192.0.2.1", 5555)


class Stock:
    def __init__(self, url: str, home: Path) -> None:
        """:param home: for its configuration"""
        conf = home / "stock.conf"
        conf.write_text(_CONF.format(url=url, key=KEY))
        manage = Path(sys.executable).parent / "octavia-db-manage"
        subprocess.run(
            [manage, "--config-file", conf, "upgrade", "head"], check=True, capture_output=True
        )
        config.init(["--config-file", str(conf)])
        cfg.CONF.set_override("use_journal", False)
        self._wire = _Wire()
        # Not by its constructor, which opens a socket and starts processes.
        self._getter: Any = heartbeat_udp.UDPStatusGetter.__new__(heartbeat_udp.UDPStatusGetter)
        self._getter.key, self._getter.sock = KEY, self._wire
        self._updater = heartbeat_udp.UpdateHealthDb()
        self._agent = driver_updater.DriverUpdater()

    def hear(self, datagrams: list[bytes]) -> None:
        """As ``UDPStatusGetter.check`` and its two workers do, one by one."""
        for datagram in datagrams:
            self._wire.datagram = datagram
            heard, address = self._getter.dorecv()
            self._updater.update_health(heard, address)
            heartbeat_udp.update_stats(heard)

    def take(self, told: list[dict[str, Any]]) -> None:
        """What Octavia's driver-agent does with statistics that a provider tells."""
        for statistics in told:
            self._agent.update_listener_statistics(statistics)

    def heard(self) -> int:
        """Amphorae whose heartbeat is on record."""
        with api.get_session().begin() as transaction:
            query = sa.select(sa.func.count()).select_from(models.AmphoraHealth)
            return int(transaction.session.scalar(query))

    def fill(self, shape: Shape) -> None:
        """These load balancers are in Octavia's database."""
        rows: dict[Any, list[dict[str, Any]]] = {
            models.LoadBalancer: [],
            models.Amphora: [],
            models.Pool: [],
            models.Listener: [],
            models.Member: [],
        }
        for n in shape.balancers:
            for model, row in _rows(shape, n):
                rows[model].append(row)
        with api.get_engine().begin() as connection:
            for model, some in rows.items():
                connection.execute(sa.insert(model.__table__), some)


def _rows(shape: Shape, n: int) -> list[tuple[Any, dict[str, Any]]]:
    lb, serving = ident("lb", n), {"provisioning_status": "ACTIVE", "operating_status": "ONLINE"}
    common = {"project_id": "project", "enabled": True, **serving}
    rows: list[tuple[Any, dict[str, Any]]] = [
        (models.LoadBalancer, {"id": lb, "topology": "SINGLE", "provider": "amphora", **common}),
        (models.Amphora, {"id": ident("amphora", n), "load_balancer_id": lb, "cert_busy": False,
                          "role": "STANDALONE", "status": "ALLOCATED"}),
    ]  # fmt: skip
    for m in range(shape.listeners):
        pool = ident("pool", n, m)
        kind = {"protocol": "HTTP", **common}
        rows.append((models.Pool, {"id": pool, "load_balancer_id": lb, "tls_enabled": False,
                                   "lb_algorithm": "ROUND_ROBIN", **kind}))  # fmt: skip
        rows.append((models.Listener, {"id": ident("listener", n, m), "load_balancer_id": lb,
                                       "default_pool_id": pool, "protocol_port": 80 + m,
                                       **kind}))  # fmt: skip
        rows += [(models.Member, {"id": ident("member", n, m, k), "pool_id": pool, "weight": 1,
                                  "ip_address": f"192.0.2.{k + 1}", "protocol_port": 80,
                                  "backup": False, **common})
                 for k in range(shape.members)]  # fmt: skip
    return rows
