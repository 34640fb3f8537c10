"""Writes heartbeats to the database, many at once: a flat number of statements for each batch."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from sriov_provider.db import health, heartbeats, outbox, statistics
from sriov_provider.db.engine import Sessions
from sriov_provider.db.health import Health
from sriov_provider.db.statistics import Told
from sriov_provider.health import judge, statuses
from sriov_provider.health.judge import INCOMPLETE, Expected, Known, Restart
from sriov_provider.health.message import Beat

# Amphorae in one transaction.
BATCH = 500
_TRIES = 3

# Amphora id, digest of its rules: for whoever compares them with what was applied.
Digest = Callable[[str, str], None]


@dataclasses.dataclass(frozen=True)
class Written:
    """What came of heartbeats.

    :ivar incomplete: of amphorae that do not serve all their listeners
    :ivar changed: load balancers of which Octavia is told something new
    """

    accepted: int = 0
    unknown: int = 0
    replayed: int = 0
    incomplete: int = 0
    changed: int = 0

    def __add__(self, other: Written) -> Written:
        mine, others = dataclasses.astuple(self), dataclasses.astuple(other)
        return Written(*(a + b for a, b in zip(mine, others, strict=True)))


@dataclasses.dataclass(frozen=True)
class _Heard:
    beat: Beat
    known: Known
    mark: str


class Writer:
    """Any number may write to one database, on any number of hosts."""

    def __init__(
        self,
        sessions: Sessions,
        timeout: float,
        on_digest: Digest | None = None,
        interval: float = 10.0,
    ) -> None:
        """:param timeout: seconds of silence after which an amphora counts as dead
        :param interval: seconds between two heartbeats of an amphora
        :param on_digest: called for each accepted heartbeat that tells a digest
        """
        self._sessions = sessions
        self._timeout = datetime.timedelta(seconds=timeout)
        self._restart = Restart(self._timeout / 2, datetime.timedelta(seconds=interval))
        self._on_digest = on_digest

    def write(self, beats: Sequence[Beat]) -> Written:
        """:param beats: one of each amphora
        :raises ProviderError: DATABASE; what was not written is lost
        """
        written = Written()
        for start in range(0, len(beats), BATCH):
            written += self._batch(beats[start : start + BATCH])
        return written

    def _batch(self, beats: Sequence[Beat]) -> Written:
        for _ in range(_TRIES - 1):
            try:
                return self._once(beats)
            except IntegrityError:
                # An amphora went, or another process wrote the first row of one, in between.
                continue
        return self._once(beats)

    def _once(self, beats: Sequence[Beat]) -> Written:
        written, heard = self._sessions.run(lambda session: self._work(session, beats))
        if self._on_digest:
            for beat in (one.beat for one in heard if one.beat.firewall):
                self._on_digest(beat.amphora_id, beat.firewall or "")
        return written

    def _work(self, session: Session, beats: Sequence[Beat]) -> tuple[Written, list[_Heard]]:
        on_record = heartbeats.known(session, [beat.amphora_id for beat in beats])
        ours = [beat for beat in beats if beat.amphora_id in on_record]
        heard = [
            _Heard(beat, on_record[beat.amphora_id], statuses.fingerprint(beat.observed))
            for beat in ours
            if not judge.replayed(on_record[beat.amphora_id], beat, self._restart)
        ]
        news = [one for one in heard if self._news(one)]
        told = {one.beat.amphora_id for one in news}
        marked, changed = self._report(session, news) if news else ([], 0)
        quiet = [_row(one) for one in heard if one.beat.amphora_id not in told]
        heartbeats.save(session, quiet, marked=False)
        statistics.add(session, _counted(heard))
        lacking = sum(judge.incomplete(known) for known in (*marked, *quiet))
        written = Written(
            len(heard), len(beats) - len(ours), len(ours) - len(heard), lacking, changed
        )
        return written, heard

    def _news(self, one: _Heard) -> bool:
        known = one.known
        if known.received_at is None or not judge.same(known, one.mark):
            return True
        # After a long silence Octavia may have been told otherwise meanwhile.
        silence = one.beat.received_at - known.received_at
        return silence > self._timeout and not judge.incomplete(known)

    def _report(self, session: Session, news: Sequence[_Heard]) -> tuple[list[Known], int]:
        """Everything about load balancers that changed.

        :returns: the heartbeats' rows, and of how many load balancers Octavia hears
        """
        by_load_balancer: dict[str, list[_Heard]] = {}
        for one in news:
            by_load_balancer.setdefault(one.known.load_balancer_id, []).append(one)
        locked = health.lock(session, by_load_balancer)
        alive = self._alive(session, news, by_load_balancer)
        marked: list[Known] = []
        saved: list[Health] = []
        batches: dict[str, outbox.Statuses] = {}
        for load_balancer_id, heard in by_load_balancer.items():
            before = locked[load_balancer_id]
            marked += [_judged(one, before) for one in heard]
            after, changes = _updated(before, heard, alive)
            saved.append(after)
            if changes:
                batches[load_balancer_id] = statuses.batch(changes)
        heartbeats.save(session, marked, marked=True)
        health.save(session, saved)
        outbox.put_all(session, batches)
        return marked, len(batches)

    def _alive(
        self, session: Session, news: Sequence[_Heard], load_balancer_ids: Iterable[str]
    ) -> frozenset[str]:
        """Amphorae whose word counts: those just heard, and their peers that were not long ago."""
        now = max(one.beat.received_at for one in news)
        peers = heartbeats.of_load_balancers(session, list(load_balancer_ids))
        fresh = {k.amphora_id for k in peers if _later(k.received_at, now - self._timeout)}
        return frozenset(fresh | {one.beat.amphora_id for one in news})


def _later(moment: datetime.datetime | None, than: datetime.datetime) -> bool:
    return moment is not None and moment > than


def _row(one: _Heard) -> Known:
    """An amphora that goes on not serving all it should does not get any younger."""
    if judge.incomplete(one.known):
        return dataclasses.replace(one.known, sequence=one.beat.sequence)
    return _received(one)


def _received(one: _Heard) -> Known:
    return dataclasses.replace(
        one.known, received_at=one.beat.received_at, sequence=one.beat.sequence
    )


def _judged(one: _Heard, before: Health) -> Known:
    if judge.lacking(one.beat, before.expected):
        received = one.known.received_at or one.beat.received_at
        return dataclasses.replace(
            one.known,
            received_at=received,
            sequence=one.beat.sequence,
            fingerprint=one.mark + INCOMPLETE,
        )
    # Where nobody knows what is right the next heartbeat is looked at again.
    mark = None if before.expected.unknown(one.beat) else one.mark
    return dataclasses.replace(_received(one), fingerprint=mark)


def _updated(
    before: Health, heard: Iterable[_Heard], alive: frozenset[str]
) -> tuple[Health, statuses.Observed]:
    told = {key: value for key, value in before.observed.items() if key in alive}
    for one in heard:
        lacking = judge.lacking(one.beat, before.expected)
        told[one.beat.amphora_id] = _with_errors(one.beat.observed, lacking)
    after = _expected(statuses.merged(list(told.values())), before.expected)
    if before.expected.enabled:
        whole = {before.load_balancer_id: statuses.load_balancer(after)}
        after = {**after, statuses.LOAD_BALANCERS: whole}
    known = before.children | {before.load_balancer_id}
    changes = statuses.changes(before.reported, after, known)
    reported = _with_changes(before.reported, changes)
    return dataclasses.replace(before, observed=told, reported=reported), changes


def _expected(told: statuses.Observed, expected: Expected) -> statuses.Observed:
    """Without listeners that a job has just disabled: the heartbeat may be older than that."""
    if expected.listeners is None:
        return told
    listeners = {k: v for k, v in told[statuses.LISTENERS].items() if k in expected.listeners}
    return {**told, statuses.LISTENERS: listeners}


def _with_errors(told: statuses.Observed, lacking: Iterable[str]) -> statuses.Observed:
    errors = dict.fromkeys(lacking, statuses.ERROR)
    return {**told, statuses.LISTENERS: {**told[statuses.LISTENERS], **errors}}


def _with_changes(
    reported: Mapping[str, statuses.Statuses], changes: statuses.Observed
) -> statuses.Observed:
    kinds = {*reported, *changes}
    return {kind: {**reported.get(kind, {}), **changes.get(kind, {})} for kind in kinds}


def _counted(heard: Iterable[_Heard]) -> Iterator[Told]:
    for one in heard:
        for listener_id, counted in one.beat.counted.items():
            known = one.known
            yield Told(listener_id, known.amphora_id, known.load_balancer_id, counted)
