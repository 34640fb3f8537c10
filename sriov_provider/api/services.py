"""What the driver shares between the requests of one API process, made on first use."""

from __future__ import annotations

import dataclasses
import functools

from oslo_config import cfg

from sriov_provider import config
from sriov_provider.api.cloud_reads import CloudReads
from sriov_provider.api.preflight import Preflight
from sriov_provider.api.refusal import failed
from sriov_provider.api.store import DatabaseStore, Store
from sriov_provider.api.vip_port import VipPorts
from sriov_provider.cloud import Cloud
from sriov_provider.compute import drivers
from sriov_provider.db.engine import Sessions
from sriov_provider.deadline import Deadline
from sriov_provider.network.neutron import NeutronNetwork
from sriov_provider.rpc.client import Client


@dataclasses.dataclass(frozen=True)
class Services:
    store: Store
    reads: CloudReads
    vip_ports: VipPorts
    settings: config.Settings

    @property
    def topology(self) -> str:
        """Of load balancers whose flavor names none."""
        return self.settings.amphora.topology

    def preflight(self) -> Preflight:
        """For one request, whose time begins now."""
        return Preflight(self.reads, self.settings.preflight, self.settings.amphora)


def shared() -> Services:
    """The services of this process.

    :raises DriverError: when the settings cannot be read
    """
    files = config.files_in_use(cfg.CONF)
    try:
        return _made(files)
    except cfg.Error as error:
        raise failed(
            "The load balancing provider is not configured.",
            f"The settings in {', '.join(files)} cannot be used: {error}",
        ) from error


@functools.cache
def _made(config_files: tuple[str, ...]) -> Services:
    conf = config.parse(config_files)
    settings = config.settings(conf)
    sessions = Sessions(settings.database_connection)
    deadline = Deadline()
    cloud = Cloud(conf, deadline, "api")
    network = NeutronNetwork(cloud)
    return Services(
        DatabaseStore(sessions, Client(config_files).wake),
        CloudReads(network, drivers.build(conf, cloud), deadline),
        VipPorts(network, deadline),
        settings,
    )
