"""Which amphorae a load balancer shall have, and which of them go. Pure.

A pair is replaced one after the other: while one is built anew the other serves. Which one a job
has replaced already is told by who built the others, so an interrupted job goes on where it was.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable

from sriov_provider.records import (
    Action,
    AmphoraRecord,
    AmphoraState,
    Inventory,
    Job,
    ObjectType,
)
from sriov_provider.worker.plan_model import Facts

SINGLE = "SINGLE"
ACTIVE_STANDBY = "ACTIVE_STANDBY"
STANDALONE = "STANDALONE"
MASTER = "MASTER"
BACKUP = "BACKUP"
ROLES = {SINGLE: (STANDALONE,), ACTIVE_STANDBY: (MASTER, BACKUP)}


@dataclasses.dataclass(frozen=True)
class Cast:
    """
    :ivar kept: amphorae to have at the end, those to be built included
    :ivar released: amphorae that go
    :ivar left_out: amphorae that stay, but do not answer
    :ivar again: others are replaced once these are there
    :ivar ahead: amphorae that are going to replace those
    """

    kept: tuple[AmphoraRecord, ...]
    released: tuple[AmphoraRecord, ...]
    left_out: tuple[AmphoraRecord, ...] = ()
    again: bool = False
    ahead: tuple[AmphoraRecord, ...] = ()


def cast(job: Job, inventory: Inventory, topology: str, facts: Facts, *, all_new: bool) -> Cast:
    """:param all_new: none of the amphorae that are there can be kept"""
    usable = [a for a in inventory.amphorae if a.state is not AmphoraState.RELEASING]
    old = [a for a in usable if a.built_by != job.id]
    replaced = {a.id for a in (old if all_new else _replaced(job, usable, topology, facts))}
    stay = [a for a in usable if a.id not in replaced]
    kept = _kept(job, stay, topology, facts)
    ids = {a.id for a in kept}
    left_out = tuple(a for a in kept if a.serves and a.id in facts.silent)
    if len(left_out) == len(kept):
        left_out = ()  # they are all there is
    later = [a for a in old if a.id in ids and _goes(a, job)]
    return Cast(
        kept=tuple(a for a in kept if a not in left_out),
        released=tuple(a for a in inventory.amphorae if a.id not in ids),
        left_out=left_out,
        again=bool(later),
        ahead=() if left_out else _ahead(job, later, facts),
    )


def _ahead(job: Job, later: list[AmphoraRecord], facts: Facts) -> tuple[AmphoraRecord, ...]:
    """Not once something has failed: what was begun before is given back then."""
    if facts.alone or job.attempt > 1 or job.placement or len(later) > 1:
        return ()
    return tuple(_new(job, a.role, facts) for a in later if a.serves)


def _goes(amphora: AmphoraRecord, job: Job) -> bool:
    """Whether the job replaces this amphora, now or later."""
    one = job.object_type is ObjectType.AMPHORA
    return job.action is Action.FAILOVER and (not one or amphora.id == job.object_id)


def _kept(
    job: Job, stay: list[AmphoraRecord], topology: str, facts: Facts
) -> tuple[AmphoraRecord, ...]:
    """One amphora for each role. Of two, which are there when a failover ended between building
    one and releasing the other, the one that serves.

    An amphora that is missing beside one that serves is no matter of a job about a listener.
    """
    fill = job.action is Action.FAILOVER or not any(a.serves for a in stay)
    kept = []
    for role in ROLES[topology]:
        known = [a for a in stay if topology == SINGLE or a.role == role]
        if known:
            kept.append(min(known, key=lambda a: not a.serves))
        elif fill:
            kept.append(_new(job, role, facts))
    return tuple(kept)


def _new(job: Job, role: str, facts: Facts) -> AmphoraRecord:
    return AmphoraRecord(
        id=facts.new_id(), load_balancer_id=job.load_balancer_id, role=role, built_by=job.id
    )


def _replaced(
    job: Job, usable: list[AmphoraRecord], topology: str, facts: Facts
) -> Collection[AmphoraRecord]:
    """The amphorae that go in this plan."""
    if job.action is not Action.FAILOVER:
        return ()
    old = [a for a in usable if a.built_by != job.id]
    fresh = {a.role: a for a in usable if a.built_by == job.id}
    if topology == SINGLE:
        return [a for a in old if a.role in fresh or _goes(a, job)]
    done = [a for a in old if a.role in fresh and fresh[a.role].serves]
    rest = [a for a in old if a not in done and (a.role in fresh or _goes(a, job))]
    # What is to come serves before the next one goes: that may be the last one.
    to_come = set(ROLES[topology]) - {a.role for a in usable if a in old or a.serves}
    if to_come:
        return [*done, *(a for a in rest if not a.serves and job.object_id == a.id)]
    return [*done, *_first(rest, fresh, facts)]


def _first(
    rest: Iterable[AmphoraRecord], fresh: Collection[str], facts: Facts
) -> list[AmphoraRecord]:
    """What is dead first, then what an interrupted run began to replace, then what stands by:
    clients notice the other one only."""

    def order(old: AmphoraRecord) -> tuple[bool, bool, bool, str]:
        alive = old.serves and old.id not in facts.silent
        return alive, old.role not in fresh, old.role != BACKUP, old.id

    return sorted(rest, key=order)[:1]


def survivors(cast: Cast, facts: Facts) -> bool:
    """True when an amphora that stays goes on serving while others are replaced."""
    return any(a.serves and a.id not in facts.silent for a in cast.kept)


def stays(cast: Cast) -> bool:
    """True when an amphora that has served stays, whether it answers or not. What is silent on the
    management network may forward traffic all the same."""
    return any(a.serves for a in (*cast.kept, *cast.left_out))


def yielding(cast: Cast, facts: Facts) -> tuple[AmphoraRecord, ...]:
    """Amphorae that go and can hand the VIP over to one that stays."""
    if not survivors(cast, facts):
        return ()
    pair = [a for a in cast.released if a.serves and a.role != STANDALONE]
    return tuple(a for a in pair if a.id not in facts.silent)
