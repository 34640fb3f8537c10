"""Certificates of agents, from the look to the renewal."""

from __future__ import annotations

import datetime
import threading

import pytest
import sqlalchemy as sa

from sriov_provider.config import Certificates
from sriov_provider.db import jobs, models, renewals
from sriov_provider.db.types import utcnow
from sriov_provider.records import Action, AmphoraRecord, AmphoraState, Job, JobState, ObjectType
from sriov_provider.worker.renewals import BATCH, SOON, Calendar
from tests.fakes import errors
from tests.unit.worker import scenes
from tests.unit.worker.harness import World

DAY = datetime.timedelta(days=1)
SETTINGS = Certificates()


class Keeper:
    """Looks at the world's certificates whenever it is told to."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.woken: list[str] = []
        self.calendar = Calendar(world.sessions, SETTINGS, self.woken.append)

    def look(self, after: float = 0.0) -> int:
        """:param after: seconds from now"""
        return self.calendar.look(utcnow() + datetime.timedelta(seconds=after))


@pytest.fixture
def lb(world: World) -> str:
    return scenes.working(world).lb


@pytest.fixture
def keeper(world: World) -> Keeper:
    return Keeper(world)


def the_amphora(world: World, lb: str) -> AmphoraRecord:
    (amphora,) = world.inventory(lb).amphorae
    return amphora


def ends_in(world: World, lb: str, days: float) -> None:
    change(world, lb, certificate_expires=utcnow() + days * DAY)


def change(world: World, lb: str, **values: object) -> None:
    query = sa.update(models.Amphora).where(models.Amphora.load_balancer_id == lb)
    world.sessions.run(lambda s: jobs.changed(s, query.values(values)))


def states(world: World) -> list[JobState]:
    query = sa.select(models.Job.state).where(models.Job.action == Action.RENEW.value)
    found = world.sessions.read(lambda s: list(s.scalars(query.order_by(models.Job.seq))))
    return [JobState(state) for state in found]


def test_one_that_lasts_is_left_alone(world: World, lb: str, keeper: Keeper) -> None:
    ends_in(world, lb, 14.01)
    assert keeper.look() == 0
    assert keeper.woken == []


def test_one_that_ends_soon_is_renewed_once(world: World, lb: str, keeper: Keeper) -> None:
    ends_in(world, lb, 13.99)
    said = len(world.agent.log)
    assert keeper.look() == 1
    assert keeper.look() == 0
    assert len(keeper.woken) == 1
    world.run_all()
    amphora = the_amphora(world, lb)
    assert world.amphora.of(amphora.id).certificates == [f"certificate 2 of {amphora.id}".encode()]
    assert amphora.certificate_expires is not None
    assert amphora.certificate_expires > utcnow() + 700 * DAY
    assert amphora.state is AmphoraState.READY
    assert states(world) == [JobState.DONE]
    assert keeper.look(7200) == 0
    assert len(world.agent.log) == said


def test_two_workers_that_placed_one_each(world: World, lb: str, keeper: Keeper) -> None:
    ends_in(world, lb, 1)
    amphora = the_amphora(world, lb)
    for name in ("one", "two"):
        job = Job(name, lb, Action.RENEW, ObjectType.AMPHORA, amphora.id)
        world.sessions.run(lambda s, j=job: jobs.enqueue(s, j))
    world.run_all()
    assert len(world.amphora.of(amphora.id).certificates) == 1
    assert states(world) == [JobState.DONE, JobState.DONE]


def test_a_load_balancer_with_a_job_waits(world: World, lb: str, keeper: Keeper) -> None:
    ends_in(world, lb, 1)
    before = utcnow() + 14 * DAY
    (ending,) = world.sessions.read(lambda s: renewals.due(s, before, utcnow(), 16))
    job = Job("users", lb, Action.REPAIR, ObjectType.LOADBALANCER, lb)
    world.sessions.run(lambda s: jobs.enqueue(s, job))
    assert keeper.look() == 0
    late = Job("late", lb, Action.RENEW, ObjectType.AMPHORA, ending.amphora_id)
    assert not world.sessions.run(lambda s: renewals.place(s, ending, before, late))


@pytest.mark.parametrize("state", [AmphoraState.BOOTING, AmphoraState.RELEASING])
def test_one_that_does_not_serve(
    world: World, lb: str, keeper: Keeper, state: AmphoraState
) -> None:
    ends_in(world, lb, 1)
    change(world, lb, state=state.value)
    assert keeper.look() == 0


def test_one_that_does_not_answer_is_tried_again_later(
    world: World, lb: str, keeper: Keeper, caplog: pytest.LogCaptureFixture
) -> None:
    ends_in(world, lb, 1)
    was = the_amphora(world, lb)
    world.amphora.fail("upload_certificate", errors.unreachable())
    assert keeper.look() == 1
    world.run_all()
    assert states(world) == [JobState.FAILED]
    assert the_amphora(world, lb) == was
    assert f"Certificate of amphora {was.id} not renewed" in caplog.text
    assert keeper.look(SETTINGS.interval - 60) == 0
    assert keeper.look(SETTINGS.interval + 60) == 1
    world.run_all()
    assert states(world) == [JobState.FAILED, JobState.DONE]


def test_an_authority_that_is_away(world: World, lb: str, keeper: Keeper) -> None:
    ends_in(world, lb, 1)
    world.amphora.fail("server_certificate", errors.timeout())
    keeper.look()
    world.run_all()
    assert states(world) == [JobState.FAILED]
    assert world.amphora.of(the_amphora(world, lb).id).certificates == []


def test_an_amphora_that_was_replaced_meanwhile(world: World, lb: str, keeper: Keeper) -> None:
    job = Job("late", lb, Action.RENEW, ObjectType.AMPHORA, "another")
    world.sessions.run(lambda s: jobs.enqueue(s, job))
    world.run_all()
    assert states(world) == [JobState.DONE]


def test_a_job_that_kills_its_workers_ends(world: World, lb: str, keeper: Keeper) -> None:
    ends_in(world, lb, 1)
    keeper.look()
    query = sa.update(models.Job).where(models.Job.action == Action.RENEW.value)
    world.sessions.run(lambda s: jobs.changed(s, query.values(attempt=3)))
    world.run_all()
    assert states(world) == [JobState.FAILED]
    assert world.amphora.of(the_amphora(world, lb).id).certificates == []


def test_all_that_are_due_get_their_turn_soon(world: World, keeper: Keeper) -> None:
    """More than a batch, of two workers; never more than a batch waits at the same time."""
    for number in range(BATCH * 2 + 3):
        world.create_load_balancer(name=f"lb {number}")
    world.run_all()
    world.sessions.run(
        lambda s: jobs.changed(s, sa.update(models.Amphora).values(certificate_expires=utcnow()))
    )
    other, rounds = Keeper(world), 0
    while keeper.look() + other.look():
        assert states(world).count(JobState.PENDING) <= BATCH
        world.run_all()
        rounds += 1
    assert rounds == 3
    assert states(world) == [JobState.DONE] * (BATCH * 2 + 3)


def test_it_keeps_looking_until_it_is_stopped(
    world: World, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            pauses.append(timeout or 0.0)
            return len(pauses) == 4

    looks = iter([errors.timeout()])
    due = iter([BATCH, 0])

    def look() -> int:
        for error in looks:
            raise error
        return next(due)

    monkeypatch.setattr(keeper.calendar, "look", look)
    keeper.calendar.keep(Stop())
    assert pauses == [1.0, 3600.0, SOON, 3600.0]
