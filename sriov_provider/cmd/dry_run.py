"""The plan for a load balancer, without carrying it out."""

from __future__ import annotations

from typing import Any

from sriov_provider import config
from sriov_provider.db.engine import Sessions
from sriov_provider.records import Inventory


def steps(conf: Any, sessions: Sessions, load_balancer_id: str, inventory: Inventory) -> list[str]:
    """What a worker would do now, step by step.

    :raises ProviderError: when Octavia or the cloud cannot be asked
    """
    # Imports half of OpenStack: the other commands do without.
    from sriov_provider.network.cache import CachedReads
    from sriov_provider.status.agent_client import AgentClient
    from sriov_provider.worker import explain, service
    from sriov_provider.worker.trees import TreeReader

    settings = config.settings(conf)
    trees = TreeReader(AgentClient(settings.sockets, wait=0).get_tree, timeout=0)
    services = service.services(conf, settings)
    return explain.steps(
        load_balancer_id,
        inventory,
        trees,
        services,
        sessions,
        CachedReads(services.network),
    )
