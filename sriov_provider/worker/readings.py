"""Ports that were plugged, read together: of what has been plugged meanwhile each is read once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Set as AbstractSet

from sriov_provider.errors import ProviderError
from sriov_provider.network.base import NetworkClient, Port

LOG = logging.getLogger(__name__)


class Readings:
    """Of the ports of one run. Thread-safe."""

    def __init__(self, network: NetworkClient) -> None:
        self._network = network
        self._unread: set[str] = set()
        self._read: dict[str, Port] = {}
        self._lock = threading.Lock()

    def plugged(self, port_id: str) -> None:
        """It is another one than it was; somebody is going to ask for it."""
        with self._lock:
            self._unread.add(port_id)
            self._read.pop(port_id, None)

    def keep(self, port: Port) -> None:
        """As it has been read, for the next who asks."""
        with self._lock:
            self._read[port.id] = port

    def port(self, port_id: str) -> Port | None:
        """The port after it was plugged; asked for again, as it is by then."""
        with self._lock:
            known = self._read.pop(port_id, None)
            if known is not None:
                return known
            others = self._unread - {port_id}
            self._unread.clear()
        return self._together(port_id, others) if others else self._network.port(port_id)

    def _together(self, port_id: str, others: AbstractSet[str]) -> Port | None:
        try:
            ports = self._network.list_ports(tuple(sorted({port_id, *others})))
        except ProviderError as error:
            LOG.warning("Each is read by itself: %s", error.reason)
            return self._network.port(port_id)
        found = {port.id: port for port in ports}
        for other in others & found.keys():
            self.keep(found[other])
        return found.get(port_id)
