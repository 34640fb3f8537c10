"""From what amphorae say to operating statuses. Pure.

As the stock provider: DOWN is ERROR, a pool with a member that is down is DEGRADED, and so is a
load balancer. Two amphorae of a load balancer that see different things: the worse counts, but
a listener or pool that one of them serves is DEGRADED, not ERROR.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping

Statuses = dict[str, str]
# "listeners", "pools", "members" -> id -> operating status; as JSON in the database.
Observed = dict[str, Statuses]

LISTENERS, POOLS, MEMBERS, LOAD_BALANCERS = "listeners", "pools", "members", "loadbalancers"
KINDS = (LISTENERS, POOLS, MEMBERS)
ONLINE, OFFLINE, ERROR, DEGRADED = "ONLINE", "OFFLINE", "ERROR", "DEGRADED"
NO_MONITOR, DRAINING = "NO_MONITOR", "DRAINING"

_BAD = {name: n for n, name in enumerate((ONLINE, NO_MONITOR, OFFLINE, DRAINING, DEGRADED, ERROR))}
_LISTENER = {"OPEN": ONLINE, "FULL": DEGRADED}
_POOL = {"UP": ONLINE, "DOWN": ERROR}
_MEMBER = {"UP": ONLINE, "DOWN": ERROR, "DRAIN": DRAINING, "MAINT": OFFLINE, "no check": NO_MONITOR}


def observed(
    listeners: Mapping[str, str], pools: Mapping[tuple[str, str], tuple[str, dict[str, str]]]
) -> Observed:
    """In Octavia's words; what means nothing there (``RESTARTING``) is left out.

    :param listeners: status of haproxy or LVS by listener
    :param pools: status of the pool and of its members by pool and listener
    """
    found: Observed = {kind: {} for kind in KINDS}
    for key, status in listeners.items():
        if status in _LISTENER:
            found[LISTENERS][key] = _LISTENER[status]
    for (pool, _listener), (status, members) in pools.items():
        known = {key: to for key, value in members.items() if (to := member(value))}
        for key, value in known.items():
            _worsen(found[MEMBERS], key, value)
        if status in _POOL:
            degraded = _POOL[status] == ONLINE and ERROR in known.values()
            _worsen(found[POOLS], pool, DEGRADED if degraded else _POOL[status])
    return found


def member(status: str) -> str | None:
    """``UP 1/3`` is on its way down and still up."""
    return _MEMBER.get(status) or _MEMBER.get(status.partition(" ")[0])


def _worsen(found: Statuses, key: str, status: str) -> None:
    if key not in found or _BAD[status] > _BAD[found[key]]:
        found[key] = status


def fingerprint(told: Observed) -> str:
    """32 characters that change when anything does, the same in every process."""
    text = json.dumps(told, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def missing(told: Observed, expected: Iterable[str]) -> frozenset[str]:
    """Listeners that should be served and are not."""
    return frozenset(expected) - told[LISTENERS].keys()


def merged(observations: Collection[Observed]) -> Observed:
    """Of all amphorae of a load balancer."""
    found: Observed = {kind: {} for kind in KINDS}
    for kind in KINDS:
        for told in observations:
            for key, status in told.get(kind, {}).items():
                _worsen(found[kind], key, status)
    for kind in (LISTENERS, POOLS):
        for key, status in found[kind].items():
            says = {told[kind][key] for told in observations if key in told.get(kind, {})}
            if status == ERROR and says != {ERROR}:
                found[kind][key] = DEGRADED
    return found


def load_balancer(told: Observed) -> str:
    """Of the load balancer as a whole."""
    served = {*told[LISTENERS].values(), *told[POOLS].values()}
    if ERROR in served:
        return ERROR
    bad = DEGRADED in served or ERROR in told[MEMBERS].values()
    return DEGRADED if bad else ONLINE


def changes(before: Observed, after: Observed, known: Collection[str]) -> Observed:
    """What Octavia has to be told: what is new or different, of objects that are known."""
    return {
        kind: changed
        for kind, found in after.items()
        if (
            changed := {
                key: status
                for key, status in found.items()
                if key in known and before.get(kind, {}).get(key) != status
            }
        )
    }


def batch(changed: Observed) -> dict[str, list[dict[str, str]]]:
    """As ``DriverLibrary.update_loadbalancer_status`` takes it."""
    return {
        kind: [{"id": key, "operating_status": status} for key, status in sorted(found.items())]
        for kind, found in sorted(changed.items())
    }
