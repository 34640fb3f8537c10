from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

import pytest
from octavia_lib.api.drivers.exceptions import UpdateStatusError

from sriov_provider.db import inventory, jobs, outbox, reasons
from sriov_provider.db.engine import Sessions
from sriov_provider.db.types import utcnow
from sriov_provider.errors import Code, ProviderError, Reason
from sriov_provider.records import (
    Action,
    Job,
    JobState,
    LoadBalancerRecord,
    ObjectType,
    ReasonRecord,
)
from sriov_provider.status.outbox import PATIENCE, Outbox

LB = {"id": "lb", "provisioning_status": "ACTIVE"}
MEMBER = {"id": "m", "provisioning_status": "ACTIVE", "operating_status": "ONLINE"}
BOTH = {"members": [MEMBER], "loadbalancers": [LB]}
REASON = Reason(Code.NO_VF, "No capacity.", "No VF on host1.")


class Octavia:
    """Takes statuses like the driver-agent: object by object, destroying its argument.

    :ivar down: refuse everything, naming nothing
    :ivar stopped: no driver-agent at all
    :ivar refused: ids it stops at
    """

    def __init__(self) -> None:
        self.down = False
        self.stopped = False
        self.stopped_after_refusal = False
        self.refused: set[str] = set()
        self.known = {"lb", "m", "other"}
        self.taken: list[tuple[str, str]] = []
        self.calls = 0

    def send(self, statuses: dict[str, Any]) -> None:
        self.calls += 1
        if self.stopped:
            raise ProviderError(Code.CLOUD_ERROR, "down", "no socket", retriable=True)
        if self.down:
            raise UpdateStatusError(fault_string="connection refused")
        for kind in ("members", "listeners", "loadbalancers"):
            for entry in statuses.pop(kind, []):
                if entry["id"] in self.refused:
                    raise UpdateStatusError(
                        fault_string="no", status_object=kind, status_object_id=entry["id"]
                    )
                self.taken.append((entry["id"], entry["provisioning_status"]))

    def exists(self, _object_type: ObjectType, object_id: str) -> bool:
        if self.stopped_after_refusal:
            raise ProviderError(Code.CLOUD_ERROR, "down", "no socket", retriable=True)
        return object_id in self.known


@pytest.fixture
def octavia() -> Octavia:
    return Octavia()


@pytest.fixture
def box(sessions: Sessions, octavia: Octavia) -> Outbox:
    return Outbox(sessions, octavia.send, octavia.exists, "host1", interval=1.0)


def _put(sessions: Sessions, statuses: outbox.Statuses, lb: str = "lb") -> None:
    sessions.run(lambda session: outbox.put(session, lb, statuses))


def _keep(sessions: Sessions) -> None:
    record = LoadBalancerRecord("lb", "project", "192.0.2.1", "vip", "s", "net")
    sessions.run(lambda session: inventory.save_load_balancer(session, record))


def _left(sessions: Sessions) -> int:
    return sessions.read(outbox.undelivered)


def _make_due(sessions: Sessions) -> None:
    """As if the wait after a refusal were over."""
    from sqlalchemy import update

    from sriov_provider.db.models import Outbox as Row

    sessions.run(lambda session: session.execute(update(Row).values(not_before=None)))


def _running(sessions: Sessions) -> Job:
    job = Job("job", "lb", Action.CREATE, ObjectType.MEMBER, "m")
    sessions.run(lambda session: jobs.enqueue(session, job))
    claimed = jobs.claim(sessions, "w", 30)
    assert claimed is not None
    return claimed


def test_outcome_is_one_transaction(sessions: Sessions) -> None:
    job = _running(sessions)
    record = reasons.record(ObjectType.MEMBER, "m", "lb", REASON, job.id)

    def broken() -> Iterator[ReasonRecord]:
        yield record
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        sessions.run(
            lambda session: outbox.record_outcome(session, job, JobState.FAILED, BOTH, broken())
        )
    assert _left(sessions) == 0
    assert sessions.read(lambda session: jobs.unfinished(session, "lb")) == (job,)
    for first in (True, False):
        recorded = sessions.run(
            lambda session: outbox.record_outcome(session, job, JobState.FAILED, BOTH, [record])
        )
        assert recorded is first
    assert _left(sessions) == 1
    assert len(sessions.read(lambda session: reasons.of_load_balancer(session, "lb"))) == 1


def test_success_clears_reasons_but_not_of_what_is_in_error(sessions: Sessions) -> None:
    job = _running(sessions)
    record = reasons.record(ObjectType.MEMBER, "m", "lb", REASON, "earlier")
    sessions.run(lambda session: reasons.add(session, record))
    errored = {"members": [{"id": "m", "provisioning_status": "ERROR"}]}
    sessions.run(lambda session: outbox.record_outcome(session, job, JobState.DONE, errored))
    assert sessions.read(lambda session: reasons.latest_of(session, ObjectType.MEMBER, ["m"]))
    again = Job("again", "lb", Action.UPDATE, ObjectType.MEMBER, "m")
    sessions.run(lambda session: jobs.enqueue(session, again))
    job2 = jobs.claim(sessions, "w", 30)
    assert job2 is not None
    sessions.run(lambda session: outbox.record_outcome(session, job2, JobState.DONE, {}))
    assert sessions.read(lambda session: reasons.latest_of(session, ObjectType.MEMBER, ["m"])) == {}
    assert _left(sessions) == 1


def test_delivered_once_and_in_order(sessions: Sessions, box: Outbox, octavia: Octavia) -> None:
    _put(sessions, {"loadbalancers": [LB | {"provisioning_status": "ERROR"}]})
    _put(sessions, BOTH)
    _put(sessions, {"loadbalancers": [{"id": "other", "provisioning_status": "DELETED"}]}, "other")
    assert box.deliver_pending("lb") == 2
    assert octavia.taken == [("lb", "ERROR"), ("m", "ACTIVE"), ("lb", "ACTIVE")]
    assert box.deliver_pending() == 1
    assert _left(sessions) == 0
    assert box.deliver_pending() == 0


def test_retried_until_taken(sessions: Sessions, box: Outbox, octavia: Octavia) -> None:
    _put(sessions, BOTH)
    _put(sessions, {"loadbalancers": [LB]})
    octavia.down = True
    for attempt in range(1, 8):
        assert box.deliver_pending() == 0
        assert octavia.calls == attempt
        assert box.deliver_pending() == 0  # not due yet, and the second batch does not overtake
        _make_due(sessions)
    octavia.down = False
    assert box.deliver_pending() == 2
    assert _left(sessions) == 0


def test_waits_for_a_driver_agent_that_is_not_running(
    sessions: Sessions, box: Outbox, octavia: Octavia
) -> None:
    _put(sessions, BOTH)
    octavia.stopped = True
    for _ in range(PATIENCE + 1):
        assert box.deliver_pending() == 0
        _make_due(sessions)
    octavia.stopped, octavia.stopped_after_refusal = False, True
    octavia.refused, octavia.known = {"m"}, set()
    assert box.deliver_pending() == 0  # whether the member is gone cannot be asked now
    _make_due(sessions)
    octavia.refused = set()
    assert box.deliver_pending() == 1
    assert octavia.taken == [("m", "ACTIVE"), ("lb", "ACTIVE")]


def test_a_vanished_object_is_dropped_with_a_reason(
    sessions: Sessions, box: Outbox, octavia: Octavia
) -> None:
    _keep(sessions)
    _put(sessions, BOTH)
    octavia.refused, octavia.known = {"m"}, {"lb"}
    for _ in range(PATIENCE - 1):
        assert box.deliver_pending() == 0
        _make_due(sessions)
    assert box.deliver_pending() == 1
    assert octavia.taken == [("lb", "ACTIVE")]
    assert _left(sessions) == 0
    (reason,) = sessions.read(lambda session: reasons.of_load_balancer(session, "lb"))
    assert (reason.code, reason.object_id) == ("not-found", "m")


def test_a_vanished_load_balancer_is_dropped(
    sessions: Sessions, box: Outbox, octavia: Octavia
) -> None:
    _put(sessions, {"loadbalancers": [LB]})
    octavia.refused, octavia.known = {"lb"}, set()
    for _ in range(PATIENCE):
        assert box.deliver_pending() == 0
        _make_due(sessions)
    assert _left(sessions) == 0


def test_a_refused_object_does_not_hold_up_the_others(
    sessions: Sessions, box: Outbox, octavia: Octavia
) -> None:
    _put(sessions, BOTH)
    octavia.refused = {"m"}
    for _ in range(PATIENCE):
        box.deliver_pending()
        _make_due(sessions)
    assert octavia.taken == [("lb", "ACTIVE")]
    octavia.refused = set()
    assert box.deliver_pending() == 1
    assert octavia.taken == [("lb", "ACTIVE"), ("m", "ACTIVE")]


def test_a_load_balancer_that_octavia_has_is_never_given_up(
    sessions: Sessions, box: Outbox, octavia: Octavia, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sriov_provider.status.outbox.GIVE_UP", 5)
    _keep(sessions)
    _put(sessions, BOTH)
    octavia.refused = {"m", "lb"}
    for _ in range(12):
        box.deliver_pending()
        _make_due(sessions)
    assert sessions.read(lambda session: reasons.latest_of(session, ObjectType.MEMBER, ["m"]))
    assert _left(sessions) == 1
    octavia.refused = set()
    assert box.deliver_pending() == 1
    assert octavia.taken == [("lb", "ACTIVE")]


def test_a_deliverer_that_died_is_replaced(
    sessions: Sessions, box: Outbox, octavia: Octavia
) -> None:
    _put(sessions, BOTH)
    dead = outbox.claim(sessions, "dead", 30)
    assert dead is not None
    assert box.deliver_pending() == 0
    later = utcnow() + datetime.timedelta(seconds=31)
    heir = outbox.claim(sessions, "heir", 30, now=later)
    assert heir is not None
    assert (heir.attempts, heir.statuses) == (2, BOTH)
    sessions.run(lambda session: outbox.delivered(session, dead))
    assert _left(sessions) == 1
    sessions.run(lambda session: outbox.delivered(session, heir))
    assert _left(sessions) == 0


@pytest.mark.parametrize(("ago", "taken"), [(4, 0), (6, 1)])
def test_a_batch_is_free_when_the_lease_of_a_dead_deliverer_is_over(
    sessions: Sessions, octavia: Octavia, ago: int, taken: int
) -> None:
    heir = Outbox(sessions, octavia.send, octavia.exists, "heir", lease_seconds=5)
    died = Outbox(sessions, _die, octavia.exists, "died", lease_seconds=5)
    _put(sessions, BOTH)
    with pytest.raises(SystemExit):
        died.deliver_pending()
    _pass(sessions, ago)
    assert heir.deliver_pending() == taken
    assert len(octavia.taken) == 2 * taken


@pytest.mark.parametrize("kept", [True, False])
def test_a_batch_that_takes_long_to_send_is_kept(
    sessions: Sessions, octavia: Octavia, kept: bool
) -> None:
    heir = Outbox(sessions, octavia.send, octavia.exists, "heir", lease_seconds=5)
    taken: list[int] = []

    def slowly(_statuses: object) -> None:
        for _ in range(3):
            _pass(sessions, 4)
            if kept:
                slow.renew()
        taken.append(heir.deliver_pending())

    slow = Outbox(sessions, slowly, octavia.exists, "slow", lease_seconds=5)
    _put(sessions, BOTH)
    assert slow.deliver_pending() == 1
    assert taken == [0 if kept else 1]
    assert _left(sessions) == 0
    slow.renew()


def _die(_statuses: object) -> None:
    raise SystemExit


def _pass(sessions: Sessions, seconds: float) -> None:
    """As if so many seconds had gone by."""
    from sqlalchemy import select

    from sriov_provider.db.models import Outbox as Row

    def work(session: Any) -> None:
        for row in session.scalars(select(Row)):
            row.lease_expires -= datetime.timedelta(seconds=seconds)

    sessions.run(work)
