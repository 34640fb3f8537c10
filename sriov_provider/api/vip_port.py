"""The VIP port of a request that is refused.

Octavia makes the port before it asks the driver to create the load balancer, and forgets it when
the driver refuses: it would stay for ever and keep its address.
"""

from __future__ import annotations

import logging

from sriov_provider.deadline import Deadline
from sriov_provider.errors import ProviderError
from sriov_provider.network.base import NetworkClient, Port

LOG = logging.getLogger(__name__)

# Seconds.
_TIMEOUT = 2.0


class VipPorts:
    def __init__(self, network: NetworkClient, deadline: Deadline) -> None:
        """:param deadline: the one that bounds the requests of the client"""
        self._network = network
        self._deadline = deadline

    def release(self, port_id: str, load_balancer_id: str) -> None:
        """Delete the port if Octavia made it for this load balancer, which will never be.

        Does not fail: the user is to see why the request was refused.
        """
        try:
            with self._deadline.within(_TIMEOUT):
                port = self._network.port(port_id)
                if port and made_by_octavia(port, load_balancer_id):
                    self._network.delete_port(port_id)
        except ProviderError as error:
            LOG.warning(
                "VIP port %s of the refused load balancer %s may be left over: %s",
                port_id,
                load_balancer_id,
                error.reason,
            )


def made_by_octavia(port: Port, load_balancer_id: str) -> bool:
    """Not one that the user brought."""
    return (port.name, port.device_id) == (
        f"octavia-lb-{load_balancer_id}",
        f"lb-{load_balancer_id}",
    )
