"""Heartbeats that were heard and are not written yet. Pure bookkeeping, no lock of its own."""

from __future__ import annotations

import dataclasses

from sriov_provider.health.message import Beat, Counted
from sriov_provider.health.refused import RefusedError, Why

LIMIT = 20_000


class Pending:
    """The newest heartbeat of each amphora; what they counted adds up."""

    def __init__(self, limit: int = LIMIT) -> None:
        """:param limit: amphorae"""
        self._limit = limit
        self._beats: dict[str, Beat] = {}

    def __len__(self) -> int:
        return len(self._beats)

    def add(self, beat: Beat) -> None:
        """:raises RefusedError: REPLAY, or OVERLOAD: not written for so long that there are too
        many
        """
        before = self._beats.get(beat.amphora_id)
        if before is None:
            if len(self._beats) >= self._limit:
                raise RefusedError(Why.OVERLOAD)
            self._beats[beat.amphora_id] = beat
            return
        if beat.sequence <= before.sequence:
            raise RefusedError(Why.REPLAY)
        self._beats[beat.amphora_id] = _joined(before, beat)

    def take(self) -> list[Beat]:
        """All of them, by amphora; forgotten here."""
        taken, self._beats = self._beats, {}
        return [taken[key] for key in sorted(taken)]


def _joined(before: Beat, beat: Beat) -> Beat:
    counted = dict(before.counted)
    for listener, more in beat.counted.items():
        counted[listener] = counted.get(listener, Counted()) + more
    return dataclasses.replace(beat, counted=counted)
