"""The chores of a worker, as the settings want them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sriov_provider import config
from sriov_provider.cloud import Cloud
from sriov_provider.compute import drivers
from sriov_provider.db.engine import Sessions
from sriov_provider.records import ObjectType
from sriov_provider.status.agent_client import AgentClient
from sriov_provider.sweep.cloud import Belongings
from sriov_provider.sweep.sweeper import Sweeper
from sriov_provider.worker.chores import Chore
from sriov_provider.worker.moved import Servers
from sriov_provider.worker.sweeps import Sweeps

SERVERS, SWEEP = "servers", "sweep"


def chores(
    conf: Any, settings: config.Settings, sessions: Sessions, wake: Callable[[str], None]
) -> Iterator[Chore]:
    """:param conf: from :func:`sriov_provider.config.parse`
    :param wake: called with the id of a job that is to be run
    """
    wanted, cloud = settings.upkeep, Cloud(conf)
    fleet, interval = drivers.fleet(conf, cloud), wanted.server_interval
    if fleet is None:
        return  # other drivers look after what they have made by themselves
    yield Chore(SERVERS, interval, Servers(sessions, fleet, interval, wanted.replace, wake))
    agent = AgentClient(settings.sockets, wait=0)
    sweeper = Sweeper(
        sessions,
        Belongings(cloud),
        settings.sweep_grace,
        settings.amphora.random_name_length,
        lambda lb: agent.exists(ObjectType.LOADBALANCER, lb),
    )
    yield Chore(SWEEP, wanted.sweep_interval, Sweeps(sweeper, wanted.sweep_dry_run))
