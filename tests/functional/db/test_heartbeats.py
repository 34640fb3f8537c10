"""Heartbeats in every supported database, written by one process and by several."""

from __future__ import annotations

import concurrent.futures
from typing import Any

import pytest

from sriov_provider.db import health, heartbeats, inventory, jobs, models
from sriov_provider.db.engine import Sessions
from sriov_provider.health.judge import Known
from sriov_provider.health.message import Beat
from sriov_provider.health.writer import Writer, Written
from sriov_provider.records import Action, AmphoraState, Job, JobState, ObjectType
from tests.functional.db.amphorae import Queries, fill, rows, told
from tests.unit.health.beats import NOW, after, beat, stats

ALL = {"lb": "ONLINE", "listener": "ONLINE", "pool": "ONLINE", "member": "ONLINE"}
DOWN = {"lb": "ERROR", "pool": "ERROR", "member": "ERROR"}
TIMEOUT = 60.0


@pytest.fixture
def writer(sessions: Sessions) -> Writer:
    return Writer(sessions, TIMEOUT)


def newest(sessions: Sessions, amphora_id: str = "amp") -> Known:
    return sessions.read(lambda s: heartbeats.known(s, [amphora_id]))[amphora_id]


def down(sequence: int, seconds: float, amphora_id: str = "amp") -> Beat:
    return beat(amphora_id, sequence, seconds, pool="DOWN", members={"member": "DOWN"})


def test_the_first_heartbeat_tells_everything_and_the_next_nothing(
    sessions: Sessions, writer: Writer
) -> None:
    fill(sessions)
    assert newest(sessions).received_at is None
    assert writer.write([beat()]) == Written(accepted=1, changed=1)
    assert told(sessions) == [ALL]
    assert writer.write([beat(sequence=1, seconds=10)]) == Written(accepted=1)
    assert told(sessions) == []
    assert (newest(sessions).received_at, newest(sessions).sequence) == (after(10), 1)


def test_octavia_hears_of_changes_alone(sessions: Sessions, writer: Writer) -> None:
    fill(sessions)
    writer.write([beat()])
    told(sessions)
    writer.write([down(1, 10)])
    assert told(sessions) == [DOWN]
    writer.write([beat(sequence=2, seconds=20, members={"member": "DRAIN"})])
    assert told(sessions) == [{"lb": "ONLINE", "pool": "ONLINE", "member": "DRAINING"}]


@pytest.mark.parametrize(
    "values", [{"state": AmphoraState.RELEASING}, {"id": "another"}], ids=["leaving", "unknown"]
)
def test_amphorae_that_are_not_ours_are_counted_and_ignored(
    sessions: Sessions, writer: Writer, values: dict[str, Any]
) -> None:
    fill(sessions, **values)
    assert writer.write([beat()]) == Written(unknown=1)
    assert (rows(sessions, models.Heartbeat), told(sessions)) == ([], [])


def test_replays_are_counted_and_ignored(sessions: Sessions, writer: Writer) -> None:
    fill(sessions)
    writer.write([beat(sequence=5)])
    for sequence in (5, 4, 0):
        assert writer.write([down(sequence, 10)]) == Written(replayed=1)
    assert newest(sessions).received_at == NOW
    assert told(sessions) == [ALL]


def test_an_agent_that_starts_anew_is_heard_after_a_while(
    sessions: Sessions, writer: Writer
) -> None:
    fill(sessions)
    writer.write([beat(sequence=500)])
    assert writer.write([beat(sequence=0, seconds=TIMEOUT / 2 - 1)]) == Written(replayed=1)
    assert writer.write([beat(sequence=1, seconds=TIMEOUT / 2)]).accepted == 1
    assert newest(sessions).sequence == 1
    assert writer.write([beat(sequence=2, seconds=TIMEOUT / 2 + 10)]).accepted == 1


def test_one_recorded_heartbeat_does_not_keep_a_dead_amphora_alive(
    sessions: Sessions, writer: Writer
) -> None:
    fill(sessions)
    writer.write([beat(sequence=5000)])
    moved = stats(rx=10)
    for n in range(1, 20):
        writer.write([beat(sequence=17, seconds=31 * n, stats=moved)])
    assert newest(sessions).received_at == after(62)
    (counted,) = rows(sessions, models.ListenerStatistics)
    assert counted.bytes_in == 10
    often = Writer(sessions, TIMEOUT, interval=120.0)
    assert often.write([beat(sequence=5, seconds=92)]) == Written(replayed=1)
    assert writer.write([beat(sequence=5, seconds=92)]).accepted == 1


def test_an_older_heartbeat_never_overwrites_a_newer_one(sessions: Sessions) -> None:
    """Another process has read the same row before, and is slower."""
    fill(sessions)
    for known in (Known("amp", "lb", after(10), 7, "new"), Known("amp", "lb", NOW, 3, "old")):
        sessions.run(lambda s, k=known: heartbeats.save(s, [k], marked=True))  # type: ignore[misc]
        assert newest(sessions) == Known("amp", "lb", after(10), 7, "new")
    later = Known("amp", "lb", after(20), 8, "not written")
    sessions.run(lambda s: heartbeats.save(s, [later], marked=False))
    assert newest(sessions) == Known("amp", "lb", after(20), 8, "new")


def test_an_amphora_without_a_listener_it_should_serve_is_not_alive(
    sessions: Sessions, writer: Writer
) -> None:
    fill(sessions)
    sessions.run(lambda s: health.expect(s, "lb", True, ["listener"], NOW))
    writer.write([beat()])
    told(sessions)
    for n in (1, 2, 3):
        written = writer.write([beat(sequence=n, seconds=10 * n, listeners={}, pools={})])
        assert (written.accepted, written.incomplete) == (1, 1)
        assert (newest(sessions).received_at, newest(sessions).sequence) == (NOW, n)
    assert told(sessions) == [{"lb": "ERROR", "listener": "ERROR"}]
    assert writer.write([beat(sequence=4, seconds=40)]) == Written(accepted=1, changed=1)
    assert newest(sessions).received_at == after(40)
    assert told(sessions) == [{"lb": "ONLINE", "listener": "ONLINE"}]


def test_nothing_is_missed_while_a_job_changes_it(sessions: Sessions, writer: Writer) -> None:
    fill(sessions)
    sessions.run(lambda s: health.expect(s, "lb", True, ["listener", "new"], NOW))
    job = Job("job", "lb", Action.UPDATE, ObjectType.LOADBALANCER, "lb")
    sessions.run(lambda s: jobs.enqueue(s, job))
    assert writer.write([beat()]) == Written(accepted=1, changed=1)
    assert newest(sessions).received_at == NOW
    running = jobs.claim(sessions, "w", 60)
    assert running is not None
    sessions.run(lambda s: jobs.finish(s, running, JobState.DONE))
    assert writer.write([beat(sequence=1, seconds=10)]).incomplete == 1
    assert newest(sessions).received_at == NOW


def test_a_load_balancer_that_is_disabled_stays_offline(sessions: Sessions, writer: Writer) -> None:
    fill(sessions)
    sessions.run(lambda s: health.expect(s, "lb", False, [], NOW))
    writer.write([beat(listeners={}, pools={})])
    assert told(sessions) == []
    assert newest(sessions).received_at == NOW


def test_what_a_job_told_is_told_anew_if_it_is_not_so(sessions: Sessions, writer: Writer) -> None:
    fill(sessions)
    writer.write([down(0, 0)])
    assert told(sessions) == [DOWN | {"listener": "ONLINE"}]
    job_told = {("members", "member"), ("listeners", "listener"), ("pools", "gone")}
    sessions.run(lambda s: health.forget(s, "lb", job_told))
    kept = sessions.run(lambda s: health.lock(s, ["lb"]))["lb"]
    assert kept.reported == {
        "members": {}, "listeners": {}, "pools": {"pool": "ERROR"}, "loadbalancers": {"lb": "ERROR"}
    }  # fmt: skip
    assert [told["members"] for told in kept.observed.values()] == [{}]
    writer.write([down(1, 10)])
    assert told(sessions) == [{"listener": "ONLINE", "member": "ERROR"}]


def test_what_no_job_told_is_not_told_again(sessions: Sessions, writer: Writer) -> None:
    fill(sessions)
    writer.write([down(0, 0)])
    told(sessions)
    sessions.run(lambda s: health.forget(s, "lb"))
    assert newest(sessions).fingerprint is None
    writer.write([down(1, 10)])
    assert told(sessions) == []


def test_heartbeats_tell_of_what_they_have_told_until_they_are_silent(
    sessions: Sessions, writer: Writer
) -> None:
    fill(sessions)

    def heard(seconds: float) -> frozenset[tuple[str, str]]:
        since = after(seconds)
        return sessions.read(lambda s: health.heard(s, "lb", since))

    assert heard(0) == frozenset()
    writer.write([beat(members={})])
    assert heard(0) == {("listeners", "listener"), ("pools", "pool"), ("loadbalancers", "lb")}
    assert heard(-60) == heard(0)
    assert heard(1) == frozenset()


def test_a_heartbeat_of_before_a_job_does_not_bring_back_a_disabled_listener(
    sessions: Sessions, writer: Writer
) -> None:
    fill(sessions)
    sessions.run(lambda s: health.expect(s, "lb", True, [], NOW))
    writer.write([beat()])
    assert "listener" not in told(sessions)[0]


def test_an_amphora_cannot_tell_of_another_load_balancer(
    sessions: Sessions, writer: Writer
) -> None:
    fill(sessions)
    fill(sessions, "lb2", ("amp2",), "2")
    wrong = beat("amp2", members={"member": "DOWN", "member2": "DOWN"})
    writer.write([wrong])
    assert told(sessions) == [{"lb2": "DEGRADED", "member2": "ERROR"}]


def test_the_worse_of_two_amphorae_counts_until_it_is_silent(
    sessions: Sessions, writer: Writer
) -> None:
    fill(sessions, amphorae=("a", "b"))
    writer.write([beat("a"), down(0, 0, "b")])
    (first,) = told(sessions)
    assert first == {"lb": "DEGRADED", "listener": "ONLINE", "pool": "DEGRADED", "member": "ERROR"}
    writer.write([beat("a", 1, TIMEOUT + 5)])
    assert told(sessions) == [{"lb": "ONLINE", "pool": "ONLINE", "member": "ONLINE"}]
    writer.write([down(1, TIMEOUT + 10, "b")])
    assert told(sessions) == [{"lb": "DEGRADED", "pool": "DEGRADED", "member": "ERROR"}]


def test_the_row_goes_with_its_amphora(sessions: Sessions, writer: Writer) -> None:
    fill(sessions)
    writer.write([beat()])
    sessions.run(lambda s: inventory.delete_load_balancer(s, "lb"))
    for model in (models.Heartbeat, models.Health, models.ListenerStatistics):
        assert rows(sessions, model) == []
    assert writer.write([beat(sequence=1)]) == Written(unknown=1)


def test_the_number_of_statements_is_flat(sessions: Sessions, writer: Writer) -> None:
    names = [f"amp{n:03}" for n in range(200)]
    for name in names:
        fill(sessions, f"lb-{name}", (name,), f"-{name}")

    def beats(number: int, sequence: int) -> list[Beat]:
        moved = stats(rx=10 * sequence)
        return [beat(name, sequence, sequence, stats=moved) for name in names[:number]]

    queries = Queries(sessions)
    numbers = []
    for sequence, amphorae in enumerate((1, 200, 1, 200)):
        before = queries.number
        assert writer.write(beats(amphorae, sequence)).accepted == amphorae
        numbers.append(queries.number - before)
    assert max(numbers[:2]) <= 11, "all of them news"
    assert max(numbers[2:]) <= 5, "nothing new but what was counted"


def test_several_processes_share_the_amphorae(sessions: Sessions, url: str) -> None:
    """Each hears a part of the heartbeats of each amphora; every change is told once."""
    pairs = {f"lb{n}": (f"a{n}", f"b{n}") for n in range(10)}
    for n, (lb, amphorae) in enumerate(pairs.items()):
        fill(sessions, lb, amphorae, str(n))
    writers = [Writer(Sessions(url), TIMEOUT) for _ in range(3)]

    def beats(sequence: int, status: str) -> list[Beat]:
        members = [f"member{n}" for n in range(10)]
        return [
            beat(a, sequence, sequence, members=dict.fromkeys(members, status))
            for pair in pairs.values()
            for a in pair
        ]

    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        for sequence, status in enumerate(("UP", "DOWN", "UP", "DOWN", "UP")):
            heard = beats(sequence, status)
            parts = [heard[n::3] for n in range(3)]
            written = list(pool.map(lambda w, part: w.write(part), writers, parts))
            assert sum(w.accepted for w in written) == 20
            last: dict[str, str] = {}
            for batch in told(sessions):
                last |= batch
            expected = {"UP": "ONLINE", "DOWN": "ERROR"}[status]
            assert {last[f"member{n}"] for n in range(10)} == {expected}
    seen = sessions.read(lambda s: heartbeats.of_load_balancers(s, list(pairs)))
    assert {(k.received_at, k.sequence) for k in seen} == {(after(4), 4)}


def test_a_digest_of_the_firewall_is_handed_on(sessions: Sessions) -> None:
    fill(sessions)
    heard: list[tuple[str, str]] = []
    writer = Writer(sessions, TIMEOUT, lambda *told: heard.append(told))
    writer.write([beat(firewall="digest"), beat("another", firewall="of nobody")])
    writer.write([beat(sequence=0, firewall="of a replay"), beat("another")])
    writer.write([beat(sequence=1, seconds=1)])
    assert heard == [("amp", "digest")]
