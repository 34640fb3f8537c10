"""What the capacity commands look at: our tables, and unless told not to, the cloud."""

from __future__ import annotations

import dataclasses
from typing import Any

from sriov_provider import config
from sriov_provider.capacity import report, totals
from sriov_provider.capacity.model import Inside, Outside, Report
from sriov_provider.db import holdings
from sriov_provider.db.engine import Sessions

_NOT_ASKED = "Neutron, Nova and Placement were not asked"


def look(conf: Any, ask_cloud: bool = True) -> Report:
    """:param conf: from :func:`sriov_provider.config.parse`
    :raises ProviderError: the provider's database cannot be read
    """
    sessions = Sessions(config.settings(conf).database_connection)
    try:
        seen = everything(conf, sessions, ask_cloud)
    finally:
        sessions.dispose()
    return report.make(seen.inside, seen.outside, seen.stated)


@dataclasses.dataclass(frozen=True)
class Everything:
    """:ivar stated: by the operator"""

    inside: Inside
    outside: Outside
    stated: totals.Totals


def everything(conf: Any, sessions: Sessions, ask_cloud: bool = True) -> Everything:
    """As it is now.

    :raises ProviderError: the provider's database cannot be read
    """
    inside = sessions.read(holdings.read)
    stated = totals.parse(config.settings(conf).vf_totals)
    outside = _ask(conf, inside, stated) if ask_cloud else Outside(unknown=(_NOT_ASKED,))
    return Everything(inside, outside, stated)


def _ask(conf: Any, inside: Inside, stated: totals.Totals) -> Outside:
    # Imports half of OpenStack: the other commands do without.
    from sriov_provider.cloud import Cloud
    from sriov_provider.survey import Survey

    survey = Survey(Cloud(conf), stated.resource_classes())
    return survey.outside({h.network_id for h in inside.holdings})
