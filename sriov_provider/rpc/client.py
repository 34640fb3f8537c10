"""The sending side: used by the driver inside octavia-api."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import oslo_messaging as messaging
from oslo_config import cfg

from sriov_provider.rpc import BROKER_ERRORS, transport

LOG = logging.getLogger(__name__)

# The job row is already written and workers poll, so the API's answer does not wait for a broker:
# one try more, after a second, for a connection that a restarted broker has cut.
RETRIES = 1
# Seconds to leave a broker alone that has failed: one that swallows packets holds up whoever asks
# it for some ten seconds, and that shall not be every request to the API.
REST = 10.0
# Seconds the API's answer waits for the broker at most.
PATIENCE = 3.0


class Client:
    """Safe to share between threads. The transport is made by the first :meth:`wake`.

    :param config_files: the files octavia-api was started with
    :param patience: seconds that :meth:`wake` takes at most, by default those of an API
    """

    def __init__(
        self,
        config_files: Sequence[str],
        clock: Callable[[], float] = time.monotonic,
        patience: float | None = None,
    ) -> None:
        self._config_files = tuple(config_files)
        self._patience = patience
        self._clock = clock
        self._failed_at: float | None = None
        self._lock = threading.Lock()
        self._client: Any = None
        # Why the last message could not be sent.
        self.fault = ""

    def wake(self, job_id: str) -> bool:
        """Tell one worker that there is a job.

        :returns: False when the message could not be sent; the job is found by polling then
        """
        if self._failed_at is not None and self._clock() < self._failed_at + REST:
            return False
        sent: list[bool] = []
        # An open connection to a broker that has stopped answering blocks for a minute or more.
        sender = threading.Thread(
            target=lambda: sent.append(self._send(job_id)), name="wake", daemon=True
        )
        sender.start()
        sender.join(PATIENCE if self._patience is None else self._patience)
        if not sent:
            self.fault = "the broker is silent"
            LOG.warning("No worker could be woken for job %s: %s", job_id, self.fault)
        self._failed_at = None if sent == [True] else self._clock()
        return sent == [True]

    def _send(self, job_id: str) -> bool:
        try:
            self._connect().cast({}, "wake", job_id=job_id)
        except (messaging.MessagingException, cfg.Error, *BROKER_ERRORS) as error:
            self.fault = str(error) or type(error).__name__
            LOG.warning("No worker could be woken for job %s: %s", job_id, self.fault)
            return False
        return True

    def _connect(self) -> Any:
        with self._lock:
            if self._client is None:
                bus = transport.connect(self._config_files)
                self._client = messaging.get_rpc_client(bus, transport.target(), retry=RETRIES)
            return self._client
