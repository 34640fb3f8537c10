from __future__ import annotations

import dataclasses
import datetime

import pytest

from sriov_provider.compute.fleet import Sighting
from sriov_provider.db.fleet import Kept, Row
from sriov_provider.records import JobState
from sriov_provider.worker import moves
from sriov_provider.worker.moves import What

NOW = datetime.datetime(2030, 1, 1, tzinfo=datetime.timezone.utc)
EARLIER, LATER = NOW - datetime.timedelta(seconds=1), NOW + datetime.timedelta(seconds=1)
SEEN = Sighting("server", "ACTIVE", "host-0", "image", "2029")
KEPT = Kept("amp", "lb", "server", "host-0", seen=True, image_id="image", launched_at="2029")
ROW = Row("amp", "server", "image", "2029")


def judge(kept: Kept, seen: Sighting | None = SEEN, replace: bool = True) -> moves.Verdict:
    return moves.judge(kept, seen, NOW, 300.0, replace)


def of(**values: object) -> Kept:
    return dataclasses.replace(KEPT, **values)  # type: ignore[arg-type]


def test_what_is_as_it_was() -> None:
    assert judge(KEPT).what is What.NOTHING


def test_the_first_sight_is_noted() -> None:
    new = of(seen=False, image_id=None, launched_at=None)
    assert judge(new) == moves.Verdict(What.NOTE, ROW)


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        ({"host": "host-1"}, "moved from host-0 to host-1"),
        ({"image_id": "other"}, "rebuilt from image other"),
        ({"launched_at": "2030"}, "made anew at 2030"),
        (
            {"host": "host-1", "launched_at": "2030"},
            "moved from host-0 to host-1, made anew at 2030",
        ),
        ({"image_id": "other", "launched_at": "2030"}, "rebuilt from image other"),
    ],
)
def test_what_has_changed(seen: dict[str, str], why: str) -> None:
    found = judge(KEPT, dataclasses.replace(SEEN, **seen))  # type: ignore[arg-type]
    assert (found.what, found.why) == (What.REFRESH, why)
    assert found.row
    assert (found.row.image_id, found.row.launched_at, found.row.failures) == (
        *(seen.get("image_id", "image"), seen.get("launched_at", "2029"), 0),
    )


@pytest.mark.parametrize("seen", [{"host": None}, {"launched_at": None}])
def test_what_nova_does_not_tell_has_not_changed(seen: dict[str, None]) -> None:
    assert judge(KEPT, dataclasses.replace(SEEN, **seen)).what is What.NOTHING


def test_a_server_that_is_another_one_is_seen_for_the_first_time() -> None:
    found = judge(of(seen=False), dataclasses.replace(SEEN, host="host-1", launched_at="2030"))
    assert (found.what, found.why) == (What.REFRESH, "moved from host-0 to host-1")


@pytest.mark.parametrize("status", ["REBUILD", "MIGRATING", "SHUTOFF", "ERROR"])
def test_a_server_on_its_way_is_left_alone(status: str) -> None:
    seen = dataclasses.replace(SEEN, status=status, host="host-1")
    assert judge(KEPT, seen).what is What.NOTHING
    assert judge(of(busy=True), dataclasses.replace(seen, status="ACTIVE")).what is What.NOTHING


def test_one_that_is_gone_is_told_only() -> None:
    assert judge(KEPT, None).what is What.GONE
    assert judge(of(busy=True), None).what is What.NOTHING


def test_one_that_was_put_right_is_noted() -> None:
    assert judge(of(job=JobState.DONE, failures=2)) == moves.Verdict(What.NOTE, ROW)


@pytest.mark.parametrize(("replace", "what"), [(True, What.REPLACE), (False, What.REFRESH)])
@pytest.mark.parametrize("kept", [of(job=JobState.FAILED), of(job=JobState.DONE, stale=True)])
def test_what_was_not_put_right_is_replaced(kept: Kept, replace: bool, what: What) -> None:
    found = judge(kept, replace=replace)
    assert (found.what, found.why) == (what, "1 job did not put it right")
    assert found.row and found.row.failures == 1


@pytest.mark.parametrize(
    ("failures", "seconds"), [(1, 600.0), (2, 1200.0), (4, 3600.0), (1000, 3600.0)]
)
def test_further_tries_wait_longer_and_longer(failures: int, seconds: float) -> None:
    found = judge(of(job=JobState.FAILED, failures=failures))
    until = NOW + datetime.timedelta(seconds=seconds)
    row = dataclasses.replace(ROW, failures=failures + 1, not_before=until)
    assert (found.what, found.row) == (What.NOTE, row)


def test_and_come_when_the_wait_is_over() -> None:
    assert judge(of(failures=3, not_before=LATER)).what is What.NOTHING
    found = judge(of(failures=3, not_before=EARLIER))
    assert (found.what, found.row and found.row.failures) == (What.REPLACE, 3)
