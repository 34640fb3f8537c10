"""The driver-agent's sockets, through octavia-lib. For the worker only, never the API process.

``DriverLibrary`` waits for minutes in its constructor when a socket is missing, so it is built on
first use, after the sockets have been seen.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

from octavia_lib.api.drivers import driver_lib
from octavia_lib.api.drivers import exceptions as lib_exceptions

from sriov_provider.config import Sockets
from sriov_provider.errors import Code, NobodyThere, ProviderError
from sriov_provider.records import ObjectType

SOCKET_WAIT = 10.0
_POLL = 0.1
_NOT_TAKEN = (ConnectionRefusedError, FileNotFoundError)
_GETTERS = {
    ObjectType.LOADBALANCER: "get_loadbalancer",
    ObjectType.LISTENER: "get_listener",
    ObjectType.POOL: "get_pool",
    ObjectType.MEMBER: "get_member",
    ObjectType.HEALTHMONITOR: "get_healthmonitor",
    ObjectType.L7POLICY: "get_l7policy",
    ObjectType.L7RULE: "get_l7rule",
}


class AgentClient:
    """Safe to share between threads: each call opens a connection of its own.

    :param sockets: where the driver-agent listens
    :param wait: seconds to wait for the sockets to appear
    """

    def __init__(self, sockets: Sockets, wait: float = SOCKET_WAIT) -> None:
        self._sockets = sockets
        self._wait = wait
        self._lock = threading.Lock()
        self._library: Any = None

    def get_tree(self, load_balancer_id: str) -> Any:
        """The whole load balancer as an octavia-lib data model; None when Octavia has none.

        It holds TLS keys: convert it, use it, let it go.

        :raises ProviderError: CLOUD_ERROR (retriable) when the driver-agent does not answer, a
            NobodyThere when it is not running
        """
        return self._get(ObjectType.LOADBALANCER, load_balancer_id)

    def exists(self, object_type: ObjectType, object_id: str) -> bool:
        """Whether Octavia's database holds this object (a deleted load balancer counts as not).

        :raises ProviderError: CLOUD_ERROR (retriable) when the driver-agent does not answer
        """
        return self._get(object_type, object_id) is not None

    def update_status(self, statuses: dict[str, Any]) -> None:
        """Hand a batch of statuses to Octavia.

        :raises octavia_lib.api.drivers.exceptions.UpdateStatusError: when it is not taken
        :raises ProviderError: CLOUD_ERROR (retriable) when the driver-agent is not running
        """
        self._connect().update_loadbalancer_status(statuses)

    def update_statistics(self, statistics: dict[str, Any]) -> None:
        """Hand listener statistics to Octavia.

        :param statistics: totals, not what was added
        :raises octavia_lib.api.drivers.exceptions.UpdateStatisticsError: when it is not taken
        :raises ProviderError: CLOUD_ERROR (retriable) when the driver-agent is not running
        """
        self._connect().update_listener_statistics(statistics)

    def _get(self, object_type: ObjectType, object_id: str) -> Any:
        library = self._connect()
        try:
            return getattr(library, _GETTERS[object_type])(object_id)
        except (lib_exceptions.DriverError, lib_exceptions.DriverAgentTimeout) as error:
            cause = error.__cause__ or error
            kind = NobodyThere if isinstance(cause, _NOT_TAKEN) else ProviderError
            raise _unavailable(f"The driver-agent did not answer: {cause!r}", kind) from error

    def _connect(self) -> Any:
        with self._lock:
            if self._library is None:
                self._await_sockets()
                self._library = driver_lib.DriverLibrary(
                    status_socket=self._sockets.status,
                    stats_socket=self._sockets.stats,
                    get_socket=self._sockets.get,
                )
            return self._library

    def _await_sockets(self) -> None:
        paths = (self._sockets.status, self._sockets.stats, self._sockets.get)
        deadline = time.monotonic() + self._wait
        while missing := [path for path in paths if not Path(path).exists()]:
            if time.monotonic() >= deadline:
                where = f"The driver-agent's socket {missing[0]} is missing"
                raise _unavailable(where, NobodyThere)
            time.sleep(_POLL)


def _unavailable(cause: str, kind: type[ProviderError] = ProviderError) -> ProviderError:
    return kind(
        Code.CLOUD_ERROR,
        "The load balancing service is temporarily unavailable.",
        cause,
        retriable=True,
    )
