"""What heartbeats that come late say."""

from __future__ import annotations

import dataclasses
import datetime
from pathlib import Path

from sriov_provider.db import health, heartbeats, migrate
from sriov_provider.db.engine import Sessions
from sriov_provider.db.types import utcnow
from sriov_provider.health.message import Beat
from sriov_provider.health.writer import Writer
from tests.functional.db.amphorae import fill, told
from tests.unit.health.beats import beat


def heard_at(moment: datetime.datetime, sequence: int) -> Beat:
    """A heartbeat that tells of no listener."""
    told_nothing = beat(sequence=sequence, listeners={}, pools={})
    return dataclasses.replace(told_nothing, received_at=moment)


def test_a_heartbeat_of_before_the_end_of_a_job_lacks_nothing(tmp_path: Path) -> None:
    """It has waited to be written while the job put a new listener in force."""
    url = f"sqlite:///{tmp_path}/provider.sqlite"
    migrate.upgrade(url)
    sessions = Sessions(url)
    fill(sessions)
    writer, before = Writer(sessions, 60), utcnow()
    sessions.run(lambda s: health.expect(s, "lb", True, ["listener"]))
    late = writer.write([heard_at(before, 0)])
    assert (late.accepted, late.incomplete) == (1, 0)
    assert "listener" not in told(sessions)[0]
    assert sessions.read(lambda s: heartbeats.known(s, ["amp"]))["amp"].fingerprint is None
    assert writer.write([heard_at(utcnow(), 1)]).incomplete == 1
    assert told(sessions) == [{"lb": "ERROR", "listener": "ERROR"}]
    sessions.dispose()
