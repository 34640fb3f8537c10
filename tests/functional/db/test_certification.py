"""Several workers on one database of which commits fail, as in a Galera cluster: every job runs
once at a time, nothing is lost and nothing is there twice."""

from __future__ import annotations

import collections
import concurrent.futures
import multiprocessing
import random
import uuid
from pathlib import Path

import pytest

from sriov_provider.db import inventory, jobs, models, outbox
from sriov_provider.db.engine import Sessions
from sriov_provider.health.writer import Writer
from sriov_provider.records import Action, Job, JobState, LoadBalancerRecord, ObjectType
from sriov_provider.status.statistics import Statistics
from tests.functional.db import crew
from tests.functional.db.amphorae import fill, rows
from tests.functional.db.certification import Commits
from tests.functional.db.story import Story
from tests.unit.health.beats import beat, stats

PROCESSES, BALANCERS, JOBS = 3, 15, 90
PATIENCE = 120.0


def _enqueue(sessions: Sessions, number: int) -> list[Job]:
    """Jobs of the load balancers in turn, written while others are run."""
    new = []
    for n in range(number):
        ids = str(uuid.uuid4()), f"lb{n % BALANCERS}"
        job = Job(*ids, Action.UPDATE, ObjectType.LISTENER, f"listener of {ids[0]}"[:36])
        sessions.run(lambda s, job=job: jobs.enqueue(s, job))  # type: ignore[misc]
        new.append(job)
    return new


def _crew(url: str, log: Path, sessions: Sessions) -> tuple[list[Job], list[int]]:
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(PROCESSES, mp_context=context) as pool:
        owners = [f"worker{n}" for n in range(PROCESSES)]
        crews = [pool.submit(crew.work, url, log, o, JOBS, PATIENCE) for o in owners]
        new = _enqueue(sessions, JOBS)
        return new, [future.result(PATIENCE + 60) for future in crews]


@pytest.mark.parametrize("url", ["mariadb", "postgresql"], indirect=True)
def test_every_job_runs_once_at_a_time(sessions: Sessions, url: str, tmp_path: Path) -> None:
    """Three processes with three threads each."""
    for n in range(BALANCERS):
        lb = LoadBalancerRecord(f"lb{n}", "project", "192.0.2.1", "vip", "s", "net")
        sessions.run(lambda s, lb=lb: inventory.save_load_balancer(s, lb))  # type: ignore[misc]
    commits = Commits(sessions, lambda n: n % crew.FAILS == 0)
    log = tmp_path / "log"
    new, failed = _crew(url, log, sessions)
    assert min(failed) > JOBS / PROCESSES / 3
    assert commits.failed > JOBS / crew.FAILS

    happened = [entry for entry in crew.read(log) if not entry[1].startswith("left")]
    assert sum(what != "told" for _, what, _, _ in happened) == 2 * JOBS
    running: dict[str, str] = {}
    for _, what, job_id, lb_id in happened:
        if what == "begin":
            assert lb_id not in running
            running[lb_id] = job_id
        elif what == "end":
            assert running.pop(lb_id) == job_id
    told = [name for _, what, name, _ in happened if what == "told"]
    for n in range(BALANCERS):
        mine = [job for job in new if job.load_balancer_id == f"lb{n}"]
        found = sessions.read(lambda s, n=n: inventory.read(s, f"lb{n}"))  # type: ignore[misc]
        assert found.load_balancer is not None
        assert found.load_balancer.flavor["jobs"] == [job.id for job in mine]
        listeners = [job.object_id for job in mine]
        # At least once: who dies or is overtaken after the telling leaves it to the next one.
        assert list(dict.fromkeys(name for name in told if name in listeners)) == listeners
    states = collections.Counter(row.state for row in rows(sessions, models.Job))
    assert states == {JobState.DONE.value: JOBS}
    assert sessions.read(outbox.undelivered) == 0


def test_heartbeats_are_counted_once(sessions: Sessions, url: str) -> None:
    """Receivers share the amphorae; each round an amphora sends to another one."""
    amphorae, rounds, receivers = [f"amp{n}" for n in range(12)], 6, 3
    for n, name in enumerate(amphorae):
        fill(sessions, f"lb{n}", (name,), str(n))
    some = [Sessions(url) for _ in range(receivers)]
    commits = [Commits(s, lambda n: n % 2 == 0) for s in some]
    writers = [Writer(s, 60) for s in some]

    def write(part: tuple[int, int]) -> None:
        number, receiver = part
        moved = stats(rx=1, tx=10, totconns=100)
        beats = [
            beat(name, number, number, stats=moved, listeners=_listener(n, moved))
            for n, name in enumerate(amphorae)
            if (n + number) % receivers == receiver
        ]
        assert writers[receiver].write(beats).accepted == len(beats)

    with concurrent.futures.ThreadPoolExecutor(receivers) as pool:
        for number in range(rounds):
            list(pool.map(write, [(number, receiver) for receiver in range(receivers)]))
    assert all(c.failed for c in commits)
    counted = {row.listener_id: row for row in rows(sessions, models.ListenerStatistics)}
    assert len(counted) == len(amphorae)
    sums = {(r.bytes_in, r.bytes_out, r.total_connections) for r in counted.values()}
    assert sums == {(rounds, 10 * rounds, 100 * rounds)}
    assert {row.sequence for row in rows(sessions, models.Heartbeat)} == {rounds - 1}
    assert _told_once(sessions) == len(amphorae)
    for one in some:
        one.dispose()


def _listener(number: int, moved: dict[str, int]) -> dict[str, object]:
    return {f"listener{number}": {"status": "OPEN", "stats": moved}}


def _told_once(sessions: Sessions) -> int:
    """Of how many load balancers Octavia is told, each in one batch; and of listeners once."""
    batches = rows(sessions, models.Outbox)
    assert len({row.load_balancer_id for row in batches}) == len(batches)
    heard: list[str] = []
    commits = Commits(sessions, lambda n: n % 2 == 0)
    sender = Statistics(sessions, lambda told: heard.extend(x["id"] for x in told["listeners"]))
    while sender.deliver_pending():
        pass
    assert commits.failed
    assert len(heard) == len(set(heard)) == len(batches)
    return len(batches)


def test_a_commit_may_fail_anywhere(sessions: Sessions) -> None:
    """The whole story, with another commit failing each time: the end is always the same."""
    story, commits = Story(sessions), Commits(sessions)
    expected = story.tell("undisturbed")
    number = commits.number
    assert number > 20
    for n in range(1, number + 1):
        commits.restart(lambda at, n=n: at == n)  # type: ignore[misc]
        assert story.tell(f"commit {n}") == expected
        assert (commits.failed, commits.number) == (1, number + 1)


def test_some_fail_again_and_again(sessions: Sessions) -> None:
    story, commits = Story(sessions), Commits(sessions)
    expected = story.tell("undisturbed")
    dice = random.Random(7)
    commits.restart(lambda _n: dice.random() < 0.3)
    assert story.tell("unlucky") == expected
    assert commits.failed > 5


def test_all_of_it_is_in_the_dump(sessions: Sessions) -> None:
    """Else the tests above could not fail."""
    told = Story(sessions).tell("once")
    assert {name for name, found in told.items() if found} == {
        *("load_balancer", "amphora", "port", "job", "heartbeat", "health", "child", "reason"),
        *("listener_statistics", "firewall_check", "said"),
    }
    assert sorted(job["state"] for job in told["job"]) == ["done", "failed", "pending"]
    assert len(told["said"]) == 3
