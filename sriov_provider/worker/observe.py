"""Serves metrics beside a worker, if it is told to."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sriov_provider import config
from sriov_provider.amphora import octavia_rest, security_group
from sriov_provider.capacity import totals
from sriov_provider.capacity.model import Inside, Outside
from sriov_provider.cloud import Cloud
from sriov_provider.db import chores, firewall_checks, holdings
from sriov_provider.db.engine import Sessions
from sriov_provider.health.counts import Counts
from sriov_provider.worker.run import PATIENCE

if TYPE_CHECKING:
    from sriov_provider.metrics import Served

LOG = logging.getLogger(__name__)


@contextlib.contextmanager
def metrics(conf: Any, counts: Counts | None = None) -> Iterator[Served | None]:
    """Metrics over HTTP while the block runs.

    :param conf: from :func:`sriov_provider.config.parse`, for nobody else's use
    :param counts: of the health manager of this process, if it is one
    """
    settings = config.settings(conf)
    if not settings.metrics_address:
        yield None
        return
    sessions = Sessions(settings.database_connection)
    served = _serve(conf, settings, sessions, counts if settings.health.bind else None)
    try:
        yield served
    finally:
        if served:
            served.close()
        sessions.dispose()


def _serve(
    conf: Any, settings: config.Settings, sessions: Sessions, counts: Counts | None
) -> Served | None:
    """None when the address is taken, as by a second worker on this host: it works all the
    same."""
    # With its library: memory only for those who ask for it.
    from sriov_provider import metrics
    from sriov_provider.health.metrics import HealthMetrics
    from sriov_provider.survey import Survey
    from sriov_provider.worker.chore_metrics import ChoreMetrics
    from sriov_provider.worker.firewall_metrics import FirewallMetrics
    from sriov_provider.worker.series import Detail

    stated = totals.parse(settings.vf_totals)
    survey = Survey(Cloud(conf), stated.resource_classes())

    def outside(inside: Inside) -> Outside:
        return survey.outside({holding.network_id for holding in inside.holdings})

    collector = metrics.Metrics(
        lambda: sessions.read(holdings.read), outside, stated, settings.metrics_interval
    )
    agents = octavia_rest.Agents()
    firewalls = FirewallMetrics(
        lambda: sessions.read(firewall_checks.watched),
        lambda endpoint: security_group.read(agents, endpoint, patience=PATIENCE),
        Detail(settings.metrics_firewall),
        settings.metrics_interval,
    )
    kept = ChoreMetrics(lambda: sessions.read(chores.results))
    more = [HealthMetrics(counts)] if counts else []
    try:
        return metrics.serve(collector, settings.metrics_address, firewalls, kept, *more)
    except (OSError, ValueError) as error:
        LOG.error("No metrics on %s: %s", settings.metrics_address, error)
        return None
