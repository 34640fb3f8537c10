"""What is done about servers that are not what is on record. Pure.

A server that was evacuated, migrated or rebuilt may have other VFs, bound in another way, and an
agent that knows nothing any more: its ports are read anew and everything is pushed again. What that
does not put right, as the agent has lost its certificate with its disk, is replaced.
"""

from __future__ import annotations

import dataclasses
import datetime
import enum

from sriov_provider.compute.fleet import Sighting
from sriov_provider.db.fleet import Kept, Row
from sriov_provider.records import JobState

_LONGEST = 3600.0


class What(str, enum.Enum):
    """NOTHING: as it was; NOTE: to be on record."""

    NOTHING = "nothing"
    NOTE = "note"
    GONE = "gone"
    REFRESH = "refresh"
    REPLACE = "replace"


@dataclasses.dataclass(frozen=True)
class Verdict:
    """:ivar row: to be on record, with the id of a job that is placed
    :ivar why: a few words
    """

    what: What
    row: Row | None = None
    why: str = ""


_NOTHING = Verdict(What.NOTHING)


def judge(
    kept: Kept, seen: Sighting | None, now: datetime.datetime, interval: float, replace: bool
) -> Verdict:
    """:param seen: None when Nova does not list it
    :param interval: seconds between two looks; also the first wait after a failure
    :param replace: whether amphorae may be replaced
    """
    if kept.busy:
        return _NOTHING
    if seen is None:
        return Verdict(What.GONE, why="Nova does not list it")
    if seen.status != "ACTIVE":  # on its way, or switched off: what it will be is not known yet
        return _NOTHING
    row = Row(kept.amphora_id, kept.compute_id, seen.image_id, seen.launched_at)
    if _failed(kept):
        return _again(kept, row, now, interval, replace)
    if why := changes(kept, seen):
        return Verdict(What.REFRESH, row, why)
    if not kept.seen or kept.job is not None:
        return Verdict(What.NOTE, row)
    return _NOTHING


def changes(kept: Kept, seen: Sighting) -> str:
    """What is not as it was; empty when everything is."""
    found = []
    if seen.host and kept.host and seen.host != kept.host:
        found.append(f"moved from {kept.host} to {seen.host}")
    if not kept.seen:
        return ", ".join(found)
    if seen.image_id != kept.image_id:
        found.append(f"rebuilt from image {seen.image_id}")
    elif kept.launched_at and seen.launched_at not in (None, kept.launched_at):
        found.append(f"made anew at {seen.launched_at}")
    return ", ".join(found)


def _failed(kept: Kept) -> bool:
    """The last try, or the one before the wait that goes on."""
    if kept.job is JobState.DONE:
        return kept.stale  # it was left out, as it did not answer
    return kept.job is JobState.FAILED or kept.failures > 0


def _again(kept: Kept, row: Row, now: datetime.datetime, interval: float, replace: bool) -> Verdict:
    if kept.job is not None:
        failures = kept.failures + 1
        wait = min(interval * 2.0 ** min(failures - 1, 32), _LONGEST)
        until = now + datetime.timedelta(seconds=wait if failures > 1 else 0.0)
        kept = dataclasses.replace(kept, failures=failures, not_before=until)
    row = dataclasses.replace(row, failures=kept.failures, not_before=kept.not_before)
    if kept.not_before and kept.not_before > now:
        return Verdict(What.NOTE if kept.job is not None else What.NOTHING, row)
    what = What.REPLACE if replace else What.REFRESH
    return Verdict(what, row, _in_vain(kept.failures))


def _in_vain(failures: int) -> str:
    jobs = "1 job" if failures == 1 else f"{failures} jobs in a row"
    return f"{jobs} did not put it right"
