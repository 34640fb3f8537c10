"""What a plan needs to know of the cloud: the network each member subnet is on."""

from __future__ import annotations

import uuid

from sriov_provider import config, tree
from sriov_provider.errors import ProviderError, Reason
from sriov_provider.network.base import NetworkClient
from sriov_provider.records import Inventory
from sriov_provider.worker.plan_model import Facts


def gather(
    lb: tree.LoadBalancer | None,
    inventory: Inventory,
    network: NetworkClient,
    settings: config.Amphora,
    *,
    last_attempt: bool = False,
) -> Facts:
    """Reads only subnets that no record tells the network of: none on an attached network.

    :raises ProviderError: when Neutron cannot be asked (a subnet that does not exist is a fact)
    """
    known: dict[str, str | Reason] = {
        m.subnet_id: m.network_id for m in inventory.members if m.subnet_id and m.network_id
    }
    if lb is not None:
        known[lb.vip_subnet_id] = lb.vip_network_id
        for member in lb.members():
            if member.subnet_id and member.subnet_id not in known:
                known[member.subnet_id] = _network_of(member.subnet_id, network)
    return Facts(settings=settings, networks=known, new_id=_new_id, last_attempt=last_attempt)


def _new_id() -> str:
    return str(uuid.uuid4())


def _network_of(subnet_id: str, network: NetworkClient) -> str | Reason:
    try:
        return network.subnet(subnet_id).network_id
    except ProviderError as error:
        if error.retriable:
            raise
        return error.reason
