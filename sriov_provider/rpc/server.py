"""The receiving side: used by the worker."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

import oslo_messaging as messaging
from oslo_messaging.rpc import dispatcher

from sriov_provider.rpc import BROKER_ERRORS, NAMESPACE, VERSION, transport

LOG = logging.getLogger(__name__)

OnWake = Callable[[str], None]

# A wake-up takes a moment; oslo.messaging would make one thread per message until it has 64.
THREADS = 2
# Seconds to take leave of the broker in; it may be away just then.
LEAVE = 5.0


class Endpoint:
    """:param on_wake: called with the job's id, in a thread of the server; should return soon"""

    target = messaging.Target(namespace=NAMESPACE, version=VERSION)

    def __init__(self, on_wake: OnWake) -> None:
        self._on_wake = on_wake

    def wake(self, context: object, job_id: str) -> None:
        """There is a job."""
        self._on_wake(job_id)


class Listener:
    """Hears wake-ups whenever the broker is there.

    oslo.messaging connects for as long as it takes, and does not let go of a broker that went
    away. A worker polls as well, so neither its start nor its end waits for that.
    """

    def __init__(self, message_server: Any) -> None:
        self._server = message_server
        self._starter = threading.Thread(target=self._start, name="listener", daemon=True)
        self._leaver = threading.Thread(target=self._leave, name="listener-end", daemon=True)

    def start(self) -> None:
        """Begin to connect; returns at once."""
        self._starter.start()

    def stop(self) -> None:
        """Hear no more; returns at once."""
        self._leaver.start()

    def wait(self) -> None:
        """Until the broker has been left, but a few seconds at most."""
        self._leaver.join(LEAVE)

    def _start(self) -> None:
        try:
            self._server.start(override_pool_size=THREADS)
        except (messaging.MessagingException, *BROKER_ERRORS) as error:
            LOG.error("Wake-ups cannot be received, jobs are found by polling: %s", error)

    def _leave(self) -> None:
        self._starter.join()
        self._server.stop()
        self._server.wait()


def build(config_files: Sequence[str], host: str, on_wake: OnWake) -> Listener:
    """A listener, not started yet.

    :param host: name of this worker's host
    :raises oslo_messaging.exceptions.MessagingException: when the settings cannot be used
    """
    return Listener(
        messaging.get_rpc_server(
            transport.connect(config_files),
            transport.target(server=host),
            [Endpoint(on_wake)],
            access_policy=dispatcher.DefaultRPCAccessPolicy,
        )
    )
