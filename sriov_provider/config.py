"""Settings: read once from octavia.conf, handed on as immutable dataclasses.

Ours live in ``[sriov_provider]``. Settings that operators already have for the stock provider are
read from their own sections where they mean the same. A private :class:`oslo_config.cfg.ConfigOpts`
is used, so that nothing collides with what octavia registers in the same process.
"""

from __future__ import annotations

import dataclasses
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from oslo_config import cfg

from sriov_provider import config_compute, config_health, config_port_driver, config_upkeep
from sriov_provider.config_health import Health
from sriov_provider.config_upkeep import Upkeep
from sriov_provider.portdriver.base import Settings as PortSettings

GROUP = "sriov_provider"
# Sections of our own beside it.
_SECTIONS: tuple[Any, ...] = (config_port_driver, *config_compute.SECTIONS)

OPTS = (
    cfg.StrOpt(
        "database_connection",
        default="sqlite:////var/lib/octavia/sriov_provider.sqlite",
        secret=True,
        help="SQLAlchemy URL of the provider's own database (SQLite, MySQL/MariaDB or PostgreSQL).",
    ),
    cfg.IntOpt("worker_threads", default=8, min=1, help="Jobs a worker runs at the same time."),
    cfg.FloatOpt(
        "poll_interval",
        default=5.0,
        min=0.1,
        help="Seconds between looks for jobs whose wake-up got lost or whose lease ran out.",
    ),
    cfg.IntOpt("lease_seconds", default=60, min=5, help="Lifetime of a job's lease, in seconds."),
    cfg.IntOpt(
        "max_attempts",
        default=3,
        min=1,
        help="Runs of one job before its object goes to ERROR.",
    ),
    cfg.FloatOpt(
        "retry_interval",
        default=10.0,
        min=0.0,
        help="Seconds before a job that failed for a passing reason is run again; doubled each "
        "time.",
    ),
    cfg.FloatOpt(
        "tree_timeout",
        default=20.0,
        min=1.0,
        help="Seconds to wait for the Octavia API to commit what a job is about. A job whose "
        "object does not show by then is put back and looked at again for ten minutes, one whose "
        "new values do not for one minute.",
    ),
    cfg.FloatOpt(
        "outbox_interval",
        default=2.0,
        min=0.1,
        help="Seconds between attempts to deliver a status the driver-agent has not taken yet.",
    ),
    cfg.ListOpt(
        "vf_totals",
        default=[],
        sample_default=["physnet1:16", "compute2/physnet1:8"],
        item_type=cfg.types.String(regex=r"^([^/:]+/)?[^/:]+:(\d+|[A-Z][A-Z0-9_]*)$"),
        help="How many VFs hosts have for amphorae and everybody else, since no service of the "
        "cloud tells: PHYSNET:NUMBER for every host, HOST/PHYSNET:NUMBER for one. PHYSNET is "
        "'tunnelled' for VFs that Nova's device_spec gives no physical network; only those are in "
        "Placement, so a resource class may stand in place of their number. Used by "
        "'sriov-provider capacity' and the metrics, never to refuse anything.",
    ),
    cfg.StrOpt(
        "metrics_address",
        default="",
        sample_default="127.0.0.1:9110",
        help="ADDRESS:PORT on which a worker serves metrics for Prometheus; empty for none. "
        "Whoever reaches it can read them.",
    ),
    cfg.FloatOpt(
        "metrics_interval",
        default=60.0,
        min=1.0,
        help="Seconds for which metrics may be about what Neutron, Nova and Placement said before; "
        "they are asked at most this often.",
    ),
    cfg.StrOpt(
        "metrics_firewall",
        default="listener",
        choices=[
            ("listener", "by listener and amphora"),
            ("load_balancer", "one sum for each load balancer"),
            ("total", "one sum for all"),
            ("none", "not asked for"),
        ],
        help="How much detail the metrics tell of what amphorae's firewalls have counted. Every "
        "listener and drop reason of every amphora is a time series of its own.",
    ),
    cfg.FloatOpt(
        "firewall_check_interval",
        default=None,
        min=0.0,
        sample_default=10.0,
        help="Seconds in which the firewall of each amphora is once compared with what was "
        "applied, and repaired when it is something else. By default [health_manager] "
        "heartbeat_interval; 0 compares nothing.",
    ),
    cfg.BoolOpt(
        "allow_vip_echo",
        default=False,
        help="Let the amphora answer ICMP echo requests to VIP addresses on ports that the amphora "
        "filters.",
    ),
    cfg.FloatOpt(
        "preflight_timeout",
        default=0.8,
        min=0.0,
        help="Seconds one API request may spend asking Neutron, Nova and Glance whether it can be "
        "served at all. What they do not tell in time is left to the worker; 0 asks nothing.",
    ),
    cfg.BoolOpt(
        "allow_tunnel_networks",
        default=False,
        help="Accept VIPs and members of vnic_type direct on networks without a physical network. "
        "Only for clouds whose hosts offload the virtual switch to the card (switchdev): other "
        "VFs reach flat and vlan networks alone.",
    ),
    *config_compute.OPTS,
    *config_health.OPTS,
    *config_upkeep.OPTS,
)
CONTROLLER_WORKER_OPTS = (
    cfg.ListOpt("amp_boot_network_list", default=[]),
    cfg.ListOpt("amp_secgroup_list", default=[]),
    cfg.StrOpt("amp_flavor_id", default=""),
    cfg.StrOpt("amp_image_tag", default=""),
    cfg.StrOpt("amp_image_owner_id", default=""),
    cfg.StrOpt("amp_ssh_key_name", default=""),
    cfg.IntOpt("amp_active_retries", default=30),
    cfg.IntOpt("amp_active_wait_sec", default=10),
    cfg.StrOpt("loadbalancer_topology", default="SINGLE"),
)
HAPROXY_AMPHORA_OPTS = (
    cfg.IntOpt("connection_max_retries", default=120),
    cfg.IntOpt("connection_retry_interval", default=5),
)
NOVA_OPTS = (
    cfg.StrOpt("service_name"),
    cfg.StrOpt("endpoint"),
    cfg.StrOpt("region_name"),
    cfg.StrOpt("endpoint_type", default="publicURL"),
    cfg.StrOpt("ca_certificates_file"),
    cfg.BoolOpt("insecure", default=False),
    cfg.BoolOpt("enable_anti_affinity", default=False),
    cfg.StrOpt("anti_affinity_policy", default="anti-affinity"),
    cfg.IntOpt("random_amphora_name_length", default=0),
    cfg.StrOpt("availability_zone"),
)
_RUN = "/var/run/octavia/"
DRIVER_AGENT_OPTS = (
    cfg.StrOpt("status_socket_path", default=_RUN + "status.sock"),
    cfg.StrOpt("stats_socket_path", default=_RUN + "stats.sock"),
    cfg.StrOpt("get_socket_path", default=_RUN + "get.sock"),
)
HOUSE_KEEPING_OPTS = (
    cfg.IntOpt("cert_interval", default=3600),
    cfg.IntOpt("cert_expiry_buffer", default=1209600),
)
NETWORKING_OPTS = (
    cfg.IntOpt("port_detach_timeout", default=300),
    cfg.IntOpt("max_retries", default=15),
    cfg.IntOpt("retry_interval", default=1),
)


@dataclasses.dataclass(frozen=True)
class Worker:
    """Durations in seconds."""

    threads: int = 8
    poll_interval: float = 5.0
    lease_seconds: int = 60
    max_attempts: int = 3
    retry_interval: float = 10.0
    tree_timeout: float = 20.0
    outbox_interval: float = 2.0
    job_retention: float = 30 * 24 * 3600.0
    owner: str = ""


@dataclasses.dataclass(frozen=True)
class Amphora:
    """How amphorae are booted; from ``[controller_worker]``, ``[nova]`` and
    ``[haproxy_amphora]``.

    ``boot_timeout``, ``boot_interval`` and ``agent_timeout`` (the time from Nova's ACTIVE to the
    agent's first answer) in seconds; ``detach_timeout`` in seconds; ``hotplug``: whether running
    amphorae can be given ports at all.
    """

    boot_networks: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    flavor: str = ""
    image_tag: str = ""
    image_owner: str | None = None
    key_name: str | None = None
    topology: str = "SINGLE"
    boot_timeout: float = 300.0
    boot_interval: float = 10.0
    agent_timeout: float = 600.0
    availability_zone: str | None = None
    anti_affinity: str | None = None
    random_name_length: int = 0
    detach_timeout: float = 300.0
    allow_vip_echo: bool = False
    hotplug: bool = True


@dataclasses.dataclass(frozen=True)
class Certificates:
    """Of the amphorae's agents; from ``[house_keeping]``.

    :ivar interval: seconds between looks, and before a renewal that failed is tried again
    :ivar expiry_buffer: seconds before its end that a certificate is renewed
    """

    interval: float = 3600.0
    expiry_buffer: float = 1209600.0


@dataclasses.dataclass(frozen=True)
class Preflight:
    """:ivar timeout: seconds per request; 0 for no questions to the cloud"""

    timeout: float = 0.8
    allow_tunnel_networks: bool = False


@dataclasses.dataclass(frozen=True)
class Sockets:
    """Where the driver-agent listens."""

    status: str = _RUN + "status.sock"
    stats: str = _RUN + "stats.sock"
    get: str = _RUN + "get.sock"


@dataclasses.dataclass(frozen=True)
class Settings:
    """:ivar vf_totals: see :mod:`sriov_provider.capacity.totals`
    :ivar metrics_address: ``ADDRESS:PORT``, or empty
    :ivar metrics_interval: seconds
    :ivar metrics_firewall: ``listener``, ``load_balancer``, ``total`` or ``none``
    :ivar firewall_check_interval: seconds, 0 for never
    :ivar sweep_grace: seconds
    :ivar health: of the health manager
    :ivar upkeep: of the housekeeping
    :ivar ports: of the port driver, on hosts without Nova
    :ivar config_files: where they came from, for libraries that read the files themselves
    """

    database_connection: str = dataclasses.field(repr=False, default="sqlite://")
    worker: Worker = Worker()
    amphora: Amphora = Amphora()
    sockets: Sockets = Sockets()
    preflight: Preflight = Preflight()
    vf_totals: tuple[str, ...] = ()
    metrics_address: str = ""
    metrics_interval: float = 60.0
    metrics_firewall: str = "listener"
    firewall_check_interval: float = 10.0
    sweep_grace: float = 3600.0
    certificates: Certificates = Certificates()
    health: Health = dataclasses.field(default_factory=Health)
    upkeep: Upkeep = dataclasses.field(default_factory=Upkeep)
    ports: PortSettings = dataclasses.field(default_factory=PortSettings)
    config_files: tuple[str, ...] = ()


def list_opts() -> list[tuple[str, list[Any]]]:
    """For ``oslo-config-generator``: only our own options."""
    return [(GROUP, list(OPTS)), *((part.GROUP, list(part.OPTS)) for part in _SECTIONS)]


def parse(config_files: Sequence[str]) -> Any:
    """A private ``ConfigOpts`` over these files, with our options and the ones we share."""
    conf = cfg.ConfigOpts()
    conf.register_opts(OPTS, GROUP)
    for part in _SECTIONS:
        conf.register_opts(part.OPTS, part.GROUP)
    conf.register_opts(CONTROLLER_WORKER_OPTS, "controller_worker")
    conf.register_opts(HAPROXY_AMPHORA_OPTS, "haproxy_amphora")
    conf.register_opts(NOVA_OPTS, "nova")
    conf.register_opts(DRIVER_AGENT_OPTS, "driver_agent")
    conf.register_opts(NETWORKING_OPTS, "networking")
    conf.register_opts(HOUSE_KEEPING_OPTS, "house_keeping")
    conf.register_opts(config_health.STOCK_OPTS, "health_manager")
    conf(
        args=[], project="octavia", default_config_files=list(config_files), default_config_dirs=[]
    )
    return conf


def files_in_use(conf: Any) -> tuple[str, ...]:
    """The files a running service was started with, those of its directories included.

    :param conf: that service's parsed ``ConfigOpts`` (in octavia's processes: ``cfg.CONF``)
    """
    files = list(conf.config_file or [])
    for directory in conf.config_dir or []:
        files.extend(sorted(Path(directory).glob("*.conf")))
    return tuple(str(f) for f in files)


def settings(conf: Any) -> Settings:
    """Everything but credentials, as one immutable object."""
    ours = conf[GROUP]
    agent = conf.driver_agent
    return Settings(
        database_connection=ours.database_connection,
        worker=Worker(
            threads=ours.worker_threads,
            poll_interval=ours.poll_interval,
            lease_seconds=ours.lease_seconds,
            max_attempts=ours.max_attempts,
            retry_interval=ours.retry_interval,
            tree_timeout=ours.tree_timeout,
            outbox_interval=ours.outbox_interval,
            job_retention=ours.job_retention,
            owner=socket.gethostname(),
        ),
        amphora=_amphora(conf),
        sockets=Sockets(agent.status_socket_path, agent.stats_socket_path, agent.get_socket_path),
        preflight=Preflight(ours.preflight_timeout, ours.allow_tunnel_networks),
        vf_totals=tuple(ours.vf_totals),
        metrics_address=ours.metrics_address,
        metrics_interval=ours.metrics_interval,
        metrics_firewall=ours.metrics_firewall,
        firewall_check_interval=_check_interval(conf),
        sweep_grace=float(ours.sweep_grace),
        certificates=Certificates(
            float(conf.house_keeping.cert_interval), float(conf.house_keeping.cert_expiry_buffer)
        ),
        health=config_health.health(conf, GROUP),
        upkeep=config_upkeep.upkeep(conf, GROUP),
        ports=config_port_driver.port_driver(conf),
        config_files=tuple(str(f) for f in conf.default_config_files or ()),
    )


def _check_interval(conf: Any) -> float:
    own = conf[GROUP].firewall_check_interval
    return float(conf.health_manager.heartbeat_interval if own is None else own)


def _amphora(conf: Any) -> Amphora:
    ours, worker, nova = conf[GROUP], conf.controller_worker, conf.nova
    agent = conf.haproxy_amphora
    return Amphora(
        boot_networks=tuple(worker.amp_boot_network_list),
        security_groups=tuple(worker.amp_secgroup_list),
        flavor=worker.amp_flavor_id,
        image_tag=worker.amp_image_tag,
        image_owner=worker.amp_image_owner_id or None,
        key_name=worker.amp_ssh_key_name or None,
        topology=worker.loadbalancer_topology,
        boot_timeout=float(worker.amp_active_retries * worker.amp_active_wait_sec),
        boot_interval=float(worker.amp_active_wait_sec),
        agent_timeout=float(agent.connection_max_retries * agent.connection_retry_interval),
        availability_zone=nova.availability_zone,
        anti_affinity=nova.anti_affinity_policy if nova.enable_anti_affinity else None,
        random_name_length=nova.random_amphora_name_length,
        detach_timeout=float(conf.networking.port_detach_timeout),
        allow_vip_echo=ours.allow_vip_echo,
        hotplug=config_compute.hotplugs(conf, GROUP),
    )
