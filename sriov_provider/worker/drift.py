"""Is what an amphora's kernel holds what was applied to it? Pure."""

from __future__ import annotations

import datetime
from collections.abc import Iterable

from sriov_provider.amphora.base import FirewallState

# Seconds between two looks at an amphora that does not answer or cannot be repaired, at most.
LONGEST = 600.0
# Parts of the interval: looks come a bit early, never together, and are never late for long.
_EARLIEST, _LATEST = 0.75, 0.9


def differs(recorded: str | None, state: FirewallState) -> bool:
    """True when the rules have to be applied again.

    :param recorded: digest on record, None when nobody knows which rules are in force
    """
    return not recorded or state.drifted or state.digest != recorded


def missing(macs: Iterable[str], state: FirewallState) -> tuple[str, ...]:
    """Of these MAC addresses, in lower case, those whose interface is not in the amphora."""
    gone = {mac.lower() for mac, name in state.interfaces.items() if name is None}
    return tuple(sorted(gone & set(macs)))


def next_look(
    now: datetime.datetime, interval: float, failures: int, spread: float
) -> datetime.datetime:
    """When to look again.

    :param interval: seconds
    :param failures: how often in a row it went wrong: each time the interval doubles
    :param spread: 0 to 1, drawn at random
    """
    # 2.0 ** 1024 is too big for a float.
    wait = min(interval * 2.0 ** min(failures, 32), max(LONGEST, interval))
    return now + datetime.timedelta(seconds=wait * (_EARLIEST + (_LATEST - _EARLIEST) * spread))
