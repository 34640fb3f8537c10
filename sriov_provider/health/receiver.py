"""Hears heartbeats: UDP sockets, one thread."""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import threading
from collections.abc import Sequence

from sriov_provider.db.types import utcnow
from sriov_provider.errors import Code, ProviderError
from sriov_provider.health import envelope, message
from sriov_provider.health.counts import Counts
from sriov_provider.health.message import Beat
from sriov_provider.health.pending import Pending
from sriov_provider.health.refused import RefusedError

LOG = logging.getLogger(__name__)

_DATAGRAM = 65536
# Bytes of heartbeats that wait in the kernel; net.core.rmem_max may make it less.
_BUFFER = 8 * 1024 * 1024
# Datagrams taken from one socket before the next one has its turn.
_AT_ONCE = 256
_TICK = 0.5


class Receiver:
    """Verifies what it hears and keeps it until it is taken."""

    def __init__(self, addresses: Sequence[str], key: str, counts: Counts) -> None:
        """:param addresses: ``ADDRESS:PORT`` or ``[ADDRESS]:PORT``; several processes of one user
        may listen on the same
        :param key: that of the amphorae
        """
        self._addresses = tuple(addresses)
        self._key = key.encode()
        self._counts = counts
        self._lock = threading.Lock()
        self._pending = Pending()
        self._sockets: list[socket.socket] = []

    @property
    def names(self) -> tuple[tuple[str, int], ...]:
        """Address and port of each socket."""
        return tuple(s.getsockname()[:2] for s in self._sockets)

    def open(self) -> None:
        """:raises ProviderError: CONFIGURATION"""
        if not self._key:
            raise _unusable("[health_manager] heartbeat_key is not set")
        for address in self._addresses:
            try:
                self._sockets.append(_bound(address))
            except (OSError, ValueError) as error:
                self.close()
                raise _unusable(f"heartbeats cannot be heard on {address}: {error}") from error
            LOG.info("Listening for heartbeats on %s", address)

    def close(self) -> None:
        """Hear nothing any more."""
        for one in self._sockets:
            one.close()
        self._sockets = []

    def keep(self, stop: threading.Event) -> None:
        """Hear until ``stop`` is set."""
        with selectors.DefaultSelector() as selector:
            for one in self._sockets:
                selector.register(one, selectors.EVENT_READ, one)
            while not stop.is_set():
                for key, _ in selector.select(_TICK):
                    self._drain(key.data)

    def take(self) -> list[Beat]:
        """What was heard since; forgotten here."""
        with self._lock:
            return self._pending.take()

    def hear(self, datagram: bytes) -> None:
        """One datagram; counted, whatever it is."""
        try:
            beat = message.parse(envelope.unwrap(datagram, self._key), utcnow())
            with self._lock:
                self._pending.add(beat)
        except RefusedError as error:
            self._counts.refuse(error.why)

    def _drain(self, one: socket.socket) -> None:
        # An error of the network is about a datagram that is lost anyway.
        with contextlib.suppress(OSError):
            for _ in range(_AT_ONCE):
                self.hear(one.recv(_DATAGRAM))


def _bound(address: str) -> socket.socket:
    host, separator, port = address.rpartition(":")
    if not separator:
        raise ValueError("no port")
    found = socket.getaddrinfo(
        host.strip("[]"), int(port), type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST
    )
    family, kind, protocol, _, name = found[0]
    one = socket.socket(family, kind, protocol)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        if family == socket.AF_INET6:
            # IPv4 has sockets of its own.
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.setblocking(False)
        one.bind(name)
    except OSError:
        one.close()
        raise
    return one


def _unusable(cause: str) -> ProviderError:
    return ProviderError(
        Code.CONFIGURATION, "The load balancing service is not set up completely.", cause
    )
