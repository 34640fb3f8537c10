"""The stand-alone health manager. Statuses and statistics go through the database: the workers,
which are where the driver-agent is, tell Octavia."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator

from sriov_provider import config
from sriov_provider.db.engine import Sessions
from sriov_provider.errors import Code, ProviderError
from sriov_provider.health.counts import Counts
from sriov_provider.health.manager import HealthManager

LOG = logging.getLogger(__name__)

_TICK = 0.5


def run(config_files: tuple[str, ...], stop: threading.Event) -> None:
    """Run one until ``stop`` is set.

    :raises ProviderError: CONFIGURATION when heartbeats cannot be heard
    :raises RuntimeError: a thread has met a defect; the service manager starts it anew
    """
    settings = config.settings(config.parse(config_files))
    if not settings.health.bind:
        raise ProviderError(
            Code.CONFIGURATION,
            "The load balancing service is not set up completely.",
            "[sriov_provider] heartbeat_bind is not set: there is nowhere to listen",
        )
    sessions, counts = Sessions(settings.database_connection), Counts()
    manager = HealthManager(sessions, settings.health, counts)
    manager.open()
    with _metrics(settings.metrics_address, counts):
        try:
            _run(manager, stop)
        finally:
            manager.close()
            sessions.dispose()


def _run(manager: HealthManager, stop: threading.Event) -> None:
    ending = threading.Event()
    threads = list(manager.threads(ending))
    for thread in threads:
        thread.start()
    LOG.info("The health manager is ready")
    try:
        while not stop.wait(_TICK):
            dead = [thread.name for thread in threads if not thread.is_alive()]
            if dead:
                raise RuntimeError(f"threads have ended: {', '.join(dead)}")
    finally:
        ending.set()
        for thread in threads:
            thread.join(10)


@contextlib.contextmanager
def _metrics(address: str, counts: Counts) -> Iterator[None]:
    """Of this process alone; everything else is the workers' to tell."""
    if not address:
        yield
        return
    # With its library: memory only for those who ask for it.
    from sriov_provider import metrics
    from sriov_provider.health.metrics import HealthMetrics

    try:
        served = metrics.serve(HealthMetrics(counts), address)
    except (OSError, ValueError) as error:
        LOG.error("No metrics on %s: %s", address, error)
        yield
        return
    try:
        yield
    finally:
        served.close()
