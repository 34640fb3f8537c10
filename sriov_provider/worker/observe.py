"""Serves metrics beside a worker, if it is told to."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sriov_provider import config
from sriov_provider.capacity import totals
from sriov_provider.capacity.model import Inside, Outside
from sriov_provider.cloud import Cloud
from sriov_provider.db import holdings
from sriov_provider.db.engine import Sessions

if TYPE_CHECKING:
    from sriov_provider.metrics import Served

LOG = logging.getLogger(__name__)


@contextlib.contextmanager
def metrics(conf: Any) -> Iterator[Served | None]:
    """Metrics over HTTP while the block runs.

    :param conf: from :func:`sriov_provider.config.parse`, for nobody else's use
    """
    settings = config.settings(conf)
    if not settings.metrics_address:
        yield None
        return
    sessions = Sessions(settings.database_connection)
    served = _serve(conf, settings, sessions)
    try:
        yield served
    finally:
        if served:
            served.close()
        sessions.dispose()


def _serve(conf: Any, settings: config.Settings, sessions: Sessions) -> Served | None:
    """None when the address is taken, as by a second worker on this host: it works all the
    same."""
    from sriov_provider import metrics  # with its library: memory only for those who ask for it
    from sriov_provider.survey import Survey

    stated = totals.parse(settings.vf_totals)
    survey = Survey(Cloud(conf), stated.resource_classes())

    def outside(inside: Inside) -> Outside:
        return survey.outside({holding.network_id for holding in inside.holdings})

    collector = metrics.Metrics(
        lambda: sessions.read(holdings.read), outside, stated, settings.metrics_interval
    )
    try:
        return metrics.serve(collector, settings.metrics_address)
    except (OSError, ValueError) as error:
        LOG.error("No metrics on %s: %s", settings.metrics_address, error)
        return None
