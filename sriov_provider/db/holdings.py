"""Who of all load balancers holds VFs, and what waits: reads for capacity and metrics."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from sriov_provider import vnic
from sriov_provider.capacity.model import Holding, Inside
from sriov_provider.db import models, outbox
from sriov_provider.records import AmphoraState, JobState, PortRole, PortState

_RELEASE_FIRST = "release_first"


def read(session: Session) -> Inside:
    """Everything our tables know about capacity."""
    return Inside(
        holdings=_holdings(session),
        release_first=_release_first(session),
        leaving=_leaving(session),
        jobs=_jobs(session),
        undelivered=outbox.undelivered(session),
    )


def _holdings(session: Session) -> tuple[Holding, ...]:
    """No inner join: the row of a leaked port outlives its amphora."""
    port, amphora = models.Port, models.Amphora
    query = (
        sa.select(port, amphora.host)
        .join(amphora, amphora.id == port.amphora_id, isouter=True)
        .where(port.vnic_type.in_(vnic.VF_KINDS))
        .order_by(port.id)
    )
    return tuple(
        Holding(
            id=row.id,
            load_balancer_id=row.load_balancer_id,
            amphora_id=row.amphora_id,
            network_id=row.network_id,
            role=PortRole(row.role),
            state=PortState(row.state),
            host=host or None,
            neutron_id=row.neutron_id,
        )
        for row, host in session.execute(query)
    )


def _release_first(session: Session) -> frozenset[str]:
    rows = session.execute(sa.select(models.LoadBalancer.id, models.LoadBalancer.flavor))
    return frozenset(i for i, f in rows if (f or {}).get("failover_strategy") == _RELEASE_FIRST)


def _leaving(session: Session) -> frozenset[str]:
    going = models.Amphora.state == AmphoraState.RELEASING.value
    return frozenset(session.scalars(sa.select(models.Amphora.id).where(going)))


def _jobs(session: Session) -> dict[str, int]:
    """Every state is there, those of no job with 0."""
    query = sa.select(models.Job.state, sa.func.count()).group_by(models.Job.state)
    counts = {state.value: 0 for state in JobState}
    for state, number in session.execute(query):
        counts[state] = number
    return counts
