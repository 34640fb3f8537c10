"""The receiving side: used by the worker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import oslo_messaging as messaging
from oslo_messaging.rpc import dispatcher

from sriov_provider.rpc import NAMESPACE, VERSION, transport

OnWake = Callable[[str], None]


class Endpoint:
    """:param on_wake: called with the job's id, in a thread of the server; should return soon"""

    target = messaging.Target(namespace=NAMESPACE, version=VERSION)

    def __init__(self, on_wake: OnWake) -> None:
        self._on_wake = on_wake

    def wake(self, context: object, job_id: str) -> None:
        """There is a job."""
        self._on_wake(job_id)


def build(config_files: Sequence[str], host: str, on_wake: OnWake) -> Any:
    """A message server; ``start()`` begins to listen, ``stop()`` and ``wait()`` end it.

    :param host: name of this worker's host
    :raises oslo_messaging.exceptions.MessagingException: when the bus cannot be used
    """
    return messaging.get_rpc_server(
        transport.connect(config_files),
        transport.target(server=host),
        [Endpoint(on_wake)],
        access_policy=dispatcher.DefaultRPCAccessPolicy,
    )
