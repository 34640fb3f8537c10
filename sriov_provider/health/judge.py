"""Is a heartbeat what it says, and is its amphora alive? Pure.

An agent counts its heartbeats from 0 whenever it starts, and they carry no time. A number that
is not higher than the last one is a replay, unless nothing was heard for so long that the agent
may have been started anew.
"""

from __future__ import annotations

import dataclasses
import datetime

from sriov_provider.health import statuses
from sriov_provider.health.message import Beat

# Stands behind the fingerprint of an amphora that does not serve all its listeners.
INCOMPLETE = "!"
# Agents keep the interval they were booted with, and that may have been so much shorter.
_FASTER = 4


@dataclasses.dataclass(frozen=True)
class Known:
    """An amphora on record, with its newest heartbeat.

    :ivar received_at: None when none was ever heard
    :ivar fingerprint: of what it told last; None when that has to be looked at anew
    """

    amphora_id: str
    load_balancer_id: str
    received_at: datetime.datetime | None = None
    sequence: int = 0
    fingerprint: str | None = None


@dataclasses.dataclass(frozen=True)
class Expected:
    """What an amphora should tell.

    :ivar listeners: those that are enabled; None when nobody knows
    :ivar busy: a job changes it just now
    :ivar since: when a job has put it in force; None when that is not known
    """

    listeners: frozenset[str] | None = None
    enabled: bool = True
    busy: bool = False
    since: datetime.datetime | None = dataclasses.field(default=None, compare=False)

    def unknown(self, beat: Beat) -> bool:
        """Nobody knows what this one should tell: a job is at it, or was when it was heard."""
        return self.busy or (self.since is not None and beat.received_at < self.since)


@dataclasses.dataclass(frozen=True)
class Restart:
    """When an agent may count from 0 again.

    :ivar silence: that it takes at least
    :ivar interval: between two heartbeats
    """

    silence: datetime.timedelta
    interval: datetime.timedelta


def replayed(known: Known, beat: Beat, restart: Restart) -> bool:
    """Whether the amphora's agent cannot have sent this now, as far as numbers tell."""
    if known.received_at is None or beat.sequence > known.sequence:
        return False
    silence = beat.received_at - known.received_at
    if silence < restart.silence or beat.sequence == known.sequence:
        return True
    return beat.sequence * restart.interval > _FASTER * silence


def same(known: Known, mark: str) -> bool:
    """Nothing new: no table but that of the heartbeats is concerned.

    :param mark: fingerprint of what it tells now
    """
    return known.fingerprint is not None and known.fingerprint.rstrip(INCOMPLETE) == mark


def incomplete(known: Known) -> bool:
    """It has told the same before, and that was too little."""
    return (known.fingerprint or "").endswith(INCOMPLETE)


def lacking(beat: Beat, expected: Expected) -> frozenset[str]:
    """Listeners it should serve and does not: it is as good as dead."""
    if expected.listeners is None or expected.unknown(beat):
        return frozenset()
    return statuses.missing(beat.observed, expected.listeners)
