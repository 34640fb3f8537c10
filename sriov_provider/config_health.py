"""Settings of the health manager; part of :mod:`sriov_provider.config`."""

from __future__ import annotations

import dataclasses
from typing import Any

from oslo_config import cfg

OPTS = (
    cfg.ListOpt(
        "heartbeat_bind",
        default=[],
        sample_default=["192.0.2.10:5556", "[2001:db8::10]:5556"],
        help="Where heartbeats of amphorae are heard, ADDRESS:PORT each, an IPv6 address in "
        "brackets; empty: nowhere. The stock health manager's port is taken where it runs. "
        "Several processes of one user may listen on the same.",
    ),
    cfg.BoolOpt(
        "heartbeat_in_worker",
        default=True,
        help="Whether workers, in the driver-agents too, listen on heartbeat_bind. If not, "
        "'sriov-provider health' does.",
    ),
    cfg.ListOpt(
        "heartbeat_controllers",
        default=[],
        sample_default=["192.0.2.10:5556", "192.0.2.11:5556"],
        help="Where new amphorae send their heartbeats, in turn. By default [health_manager] "
        "controller_ip_port_list.",
    ),
    cfg.BoolOpt(
        "automatic_failover",
        default=True,
        help="Whether load balancers are failed over when an amphora is silent for "
        "[health_manager] heartbeat_timeout seconds.",
    ),
    cfg.FloatOpt(
        "outage_share",
        default=0.5,
        min=0.1,
        max=1.0,
        help="Nothing is failed over while more than this part of all amphorae (and at least five, "
        "and not of one compute host only) is silent at the same time: then it is the network. "
        "1.0 for failovers whatever happens.",
    ),
)
STOCK_OPTS = (
    cfg.IntOpt("heartbeat_interval", default=10),
    cfg.StrOpt("heartbeat_key", secret=True),
    cfg.IntOpt("heartbeat_timeout", default=60),
    cfg.IntOpt("health_check_interval", default=3),
    cfg.IntOpt("failover_threshold", default=None),
    cfg.IntOpt("failover_threads", default=10),
)


@dataclasses.dataclass(frozen=True)
class Health:
    """:ivar bind: where heartbeats are heard
    :ivar timeout: seconds of silence after which an amphora counts as dead
    :ivar interval: seconds between two heartbeats of an amphora
    :ivar check_interval: seconds
    :ivar threshold: silent amphorae that are an outage
    :ivar share: part of all amphorae that is one
    :ivar limit: failovers at the same time
    """

    bind: tuple[str, ...] = ()
    in_worker: bool = True
    controllers: tuple[str, ...] = ()
    key: str = dataclasses.field(repr=False, default="")
    interval: float = 10.0
    timeout: float = 60.0
    check_interval: float = 3.0
    threshold: int | None = None
    share: float = 0.5
    limit: int = 10
    automatic: bool = True


def health(conf: Any, group: str) -> Health:
    """:param group: of our own options"""
    ours, stock = conf[group], conf.health_manager
    return Health(
        bind=tuple(ours.heartbeat_bind),
        in_worker=ours.heartbeat_in_worker,
        controllers=tuple(ours.heartbeat_controllers),
        key=stock.heartbeat_key or "",
        interval=float(stock.heartbeat_interval),
        timeout=float(stock.heartbeat_timeout),
        check_interval=float(stock.health_check_interval),
        threshold=stock.failover_threshold,
        share=ours.outage_share,
        limit=stock.failover_threads,
        automatic=ours.automatic_failover,
    )
