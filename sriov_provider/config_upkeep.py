"""Settings of the workers' housekeeping; part of :mod:`sriov_provider.config`."""

from __future__ import annotations

import dataclasses
from typing import Any

from oslo_config import cfg

# What a failed job tells the health manager, and people who look for its reason the next morning.
_LEAST_RETENTION = 6 * 3600


class _Retention(cfg.types.Integer):  # type: ignore[misc]
    """Seconds: 0 for ever, or some hours."""

    def __init__(self) -> None:
        super().__init__(min=0)

    def __call__(self, value: Any) -> Any:
        found = super().__call__(value)
        if found and found < _LEAST_RETENTION:
            least = f"greater than or equal to {_LEAST_RETENTION}"
            raise ValueError(f"Should be 0, or {least}, not {found}")
        return found


OPTS = (
    cfg.Opt(
        "job_retention",
        type=_Retention(),
        default=30 * 24 * 3600,
        help="Seconds before a job that has ended is forgotten, at least 21600; 0 keeps them for "
        "ever. How long failovers wait that failed before, is in these jobs.",
    ),
    cfg.IntOpt(
        "sweep_grace",
        default=3600,
        min=60,
        help="Seconds for which a sweep leaves alone what nobody knows: since it "
        "was made, and since the last job of its load balancer.",
    ),
    cfg.FloatOpt(
        "server_check_interval",
        default=300.0,
        min=0.0,
        help="Seconds in which one of the workers once lists the servers of all amphorae in Nova, "
        "to find those that were moved to another host or made anew (evacuation, migration, "
        "rebuild); 0 for never.",
    ),
    cfg.FloatOpt(
        "sweep_interval",
        default=0.0,
        min=0.0,
        sample_default=86400.0,
        help="Seconds in which one of the workers once does what 'sriov-provider sweep --delete' "
        "does; 0 for never.",
    ),
    cfg.BoolOpt(
        "sweep_dry_run",
        default=False,
        help="Whether the workers' sweeps only tell, in log and metrics, what they would delete.",
    ),
)


@dataclasses.dataclass(frozen=True)
class Upkeep:
    """Durations in seconds, 0 for never.

    :ivar replace: whether what cannot be put right is replaced
    """

    server_interval: float = 300.0
    sweep_interval: float = 0.0
    sweep_dry_run: bool = False
    replace: bool = True


def upkeep(conf: Any, group: str) -> Upkeep:
    """:param group: of our own options"""
    ours = conf[group]
    return Upkeep(
        ours.server_check_interval,
        ours.sweep_interval,
        ours.sweep_dry_run,
        ours.automatic_failover,
    )
