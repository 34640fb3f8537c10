"""What the sweep, the list of amphorae and the renewals read, on every database."""

from __future__ import annotations

import datetime

from sqlalchemy.orm import Session

from sriov_provider.db import inventory, jobs, models, overview, renewals
from sriov_provider.db.engine import Sessions
from sriov_provider.network.base import Port
from sriov_provider.records import (
    Action,
    AmphoraRecord,
    AmphoraState,
    Job,
    JobState,
    LoadBalancerRecord,
    ObjectType,
    PortRecord,
    PortRole,
    PortState,
)
from sriov_provider.sweep import records
from sriov_provider.sweep.model import Found, Held, Kind

NOW = datetime.datetime(2030, 1, 1, 12, 0, 0, 123456, tzinfo=datetime.timezone.utc)
HOUR = datetime.timedelta(hours=1)
LEAKED = Found(
    *(Kind.PORT, "leaked", "octavia-lb-vrrp-10000000-0000-4000-8000-00000000000b", "gone"),
    port=Port("leaked", "", "net", "fa:16:3e:00:00:01", (), vnic_type="direct"),
)


def fill(session: Session) -> None:
    for lb in ("lb1", "lb2"):
        record = LoadBalancerRecord(lb, "project", "192.0.2.1", "vip", "s", "net", "direct")
        inventory.save_load_balancer(session, record)
    amphora = AmphoraRecord(
        *("amp1", "lb1", AmphoraState.READY, "MASTER", "server1", "host1", "192.0.2.9"),
        certificate_expires=NOW + HOUR,
    )
    inventory.save_amphora(session, amphora)
    port = PortRecord(
        *("row1", "lb1", "amp1", "net", PortRole.VIP, "direct", PortState.WANTED),
    )
    inventory.save_port(session, port)
    beat = models.Heartbeat(amphora_id="amp1", load_balancer_id="lb1", received_at=NOW)
    session.add(beat)
    records.give_up(session, LEAKED)
    records.give_up(session, LEAKED)


def run(sessions: Sessions, name: str, lb: str, action: Action, state: JobState) -> None:
    """A job that came to this state an hour ago."""
    job = Job(name, lb, action, ObjectType.AMPHORA, "amp1")
    sessions.run(lambda s: jobs.enqueue(s, job, NOW - 2 * HOUR))
    if state is not JobState.PENDING:
        taken = jobs.claim(sessions, "worker", 60, name, NOW - 2 * HOUR)
        assert taken
        sessions.run(lambda s: jobs.finish(s, taken, state, NOW - HOUR))


def test_what_a_sweep_reads(sessions: Sessions) -> None:
    sessions.run(fill)
    run(sessions, "done", "lb1", Action.CREATE, JobState.DONE)
    run(sessions, "failed", "gone", Action.CREATE, JobState.FAILED)
    run(sessions, "waiting", "lb2", Action.CREATE, JobState.PENDING)
    known = sessions.read(records.read)
    assert known.balancers == {"lb1", "lb2"}
    assert known.busy == {"lb2"}
    assert known.ended == {"lb1": NOW - HOUR, "gone": NOW - HOUR, "lb2": NOW - 2 * HOUR}
    assert known.given_up == {"leaked"}
    assert Held(Kind.SERVER, "server1", "amphora-amp1", "lb1") in known.held
    assert Held(Kind.PORT, None, "octavia-lb-vrrp-amp1", "lb1") in known.held
    assert len(known.held) == 6
    assert sessions.read(lambda s: records.read(s, "lb2")).balancers == {"lb2"}


def test_leaked_rows(sessions: Sessions) -> None:
    sessions.run(fill)
    (row,) = sessions.read(lambda s: inventory.read(s, "gone")).ports
    assert (row.state, row.neutron_id, row.amphora_id, row.role, row.vnic_type) == (
        *(PortState.LEAKED, "leaked", "10000000-0000-4000-8000-00000000000b", PortRole.VIP),
        "direct",
    )
    sessions.run(lambda s: records.forget(s, "leaked"))
    assert sessions.read(records.read).given_up == frozenset()


def test_the_list_of_amphorae(sessions: Sessions) -> None:
    sessions.run(fill)
    (seen,) = sessions.read(overview.amphorae)
    assert (seen.id, seen.ports, seen.heartbeat) == ("amp1", 1, NOW)
    assert sessions.read(lambda s: overview.amphorae(s, host="host2")) == ()


def test_renewals(sessions: Sessions) -> None:
    sessions.run(fill)

    def due(before: datetime.timedelta, tried: datetime.timedelta) -> list[str]:
        found = sessions.read(lambda s: renewals.due(s, NOW + before, NOW - tried, 16))
        return [f.amphora_id for f in found]

    assert due(HOUR, HOUR) == []
    assert due(2 * HOUR, HOUR) == ["amp1"]
    run(sessions, "failed", "lb1", Action.RENEW, JobState.FAILED)
    assert due(2 * HOUR, HOUR) == ["amp1"]
    assert due(2 * HOUR, 2 * HOUR) == []
    (ending,) = sessions.read(lambda s: renewals.due(s, NOW + 2 * HOUR, NOW, 16))
    job = Job("next", "lb1", Action.RENEW, ObjectType.AMPHORA, "amp1")
    assert sessions.run(lambda s: renewals.place(s, ending, NOW + 2 * HOUR, job))
    assert due(2 * HOUR, HOUR) == []
    sessions.run(lambda s: renewals.renewed(s, "amp1", NOW + 9 * HOUR))
    (amphora,) = sessions.read(lambda s: inventory.read(s, "lb1")).amphorae
    assert amphora.certificate_expires == NOW + 9 * HOUR
