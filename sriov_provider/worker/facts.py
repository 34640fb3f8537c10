"""What a plan needs to know of the cloud: the network each member subnet is on, and who answers."""

from __future__ import annotations

import logging
import uuid

from sriov_provider import config, tree
from sriov_provider.amphora.base import AmphoraClient, Endpoint
from sriov_provider.errors import ProviderError, Reason
from sriov_provider.network.base import NetworkClient
from sriov_provider.records import AmphoraRecord, Inventory
from sriov_provider.worker.plan_model import Facts
from sriov_provider.worker.roles import STANDALONE
from sriov_provider.worker.run import PATIENCE

LOG = logging.getLogger(__name__)


def gather(
    lb: tree.LoadBalancer | None,
    inventory: Inventory,
    network: NetworkClient,
    settings: config.Amphora,
    *,
    last_attempt: bool = False,
    silent: frozenset[str] = frozenset(),
    prepared: frozenset[str] = frozenset(),
    alone: bool = False,
) -> Facts:
    """Reads only subnets that no record tells the network of: none on an attached network.

    :param silent: as :func:`silent_ones` gives them
    :param prepared: as :func:`still_answering` gives them
    :param alone: as an earlier plan has shown
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
    return Facts(settings, known, _new_id, last_attempt, silent, prepared, alone)


def silent_ones(inventory: Inventory, amphorae: AmphoraClient) -> frozenset[str]:
    """Amphorae of a pair that do not answer within seconds.

    A lone amphora is not asked: nobody could go on without it.
    """
    pair = [a for a in inventory.amphorae if a.serves and a.role != STANDALONE]
    return frozenset(a.id for a in pair if not answers(a, amphorae))


def still_answering(
    inventory: Inventory, prepared: frozenset[str], amphorae: AmphoraClient
) -> frozenset[str]:
    """Of the amphorae that earlier plans of a run have prepared: one that serves is not given up
    for another that has died meanwhile."""
    there = [a for a in inventory.amphorae if a.id in prepared]
    return frozenset(a.id for a in there if answers(a, amphorae))


def answers(amphora: AmphoraRecord, amphorae: AmphoraClient) -> bool:
    """Within seconds."""
    try:
        amphorae.probe(Endpoint(amphora.id, amphora.management_ip or ""), PATIENCE)
    except ProviderError as error:
        LOG.warning("Amphora %s does not answer: %s", amphora.id, error.reason)
        return False
    return True


def _new_id() -> str:
    return str(uuid.uuid4())


def _network_of(subnet_id: str, network: NetworkClient) -> str | Reason:
    try:
        return network.subnet(subnet_id).network_id
    except ProviderError as error:
        if error.retriable:
            raise
        return error.reason
