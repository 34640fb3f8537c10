"""What jobs tell the health manager."""

from __future__ import annotations

import dataclasses
import itertools
from datetime import timedelta

import sqlalchemy as sa

from sriov_provider.db import health, models
from sriov_provider.db.types import utcnow
from sriov_provider.health.judge import Expected
from sriov_provider.health.writer import Writer
from tests.unit.health.beats import beat, stats
from tests.unit.worker.harness import World
from tests.unit.worker.scenes import Scene, working


def expected(world: World, lb: str) -> Expected:
    return world.sessions.run(lambda s: health.lock(s, [lb]))[lb].expected


def test_amphorae_should_tell_of_listeners_that_are_enabled(world: World) -> None:
    lb = world.create_load_balancer()
    assert expected(world, lb).listeners is None
    world.run_all()
    assert expected(world, lb) == Expected(frozenset())
    one, two = (world.add_listener(lb, protocol_port=port) for port in (80, 81))
    world.run_all()
    assert expected(world, lb).listeners == {one, two}
    world.update(one, admin_state_up=False)
    world.run_all()
    assert expected(world, lb).listeners == {two}
    world.update(one, admin_state_up=True)
    world.delete(two)
    assert expected(world, lb).busy
    world.run_all()
    assert expected(world, lb) == Expected(frozenset({one}))
    world.update(lb, admin_state_up=False)
    world.run_all()
    assert expected(world, lb) == Expected(frozenset(), enabled=False)


def test_after_a_job_the_next_heartbeat_is_news(world: World) -> None:
    lb = world.create_load_balancer()
    world.run_all()
    amphora = world.only_amphora(lb)
    writer = Writer(world.sessions, 60)
    told = beat(amphora.id, listeners={}, pools={})
    assert [writer.write([told]).changed, writer.write([beat(amphora.id, 1)]).accepted] == [1, 1]
    world.add_listener(lb)
    world.run_all()
    rows = world.sessions.read(lambda s: list(s.scalars(sa.select(models.Heartbeat))))
    assert [row.fingerprint for row in rows] == [None]


class Heartbeats:
    """Of the one amphora of a load balancer, delivered to Octavia.

    :ivar told: operating statuses that jobs and heartbeats have told since
    """

    def __init__(self, world: World, lb: str) -> None:
        self._world, self._amphora = world, world.only_amphora(lb).id
        self._writer, self._numbers = Writer(world.sessions, 60), itertools.count()

    def tell(self, scene: Scene, member: str) -> None:
        pool = {"status": "UP", "members": {scene.direct: member, scene.normal: "UP"}}
        listener = {"status": "OPEN", "stats": stats()}
        said = beat(
            self._amphora,
            next(self._numbers),
            listeners={scene.listener: listener},
            pools={f"{scene.pool}:{scene.listener}": pool},
        )
        self._writer.write([dataclasses.replace(said, received_at=utcnow())])
        self._world.deliver()

    def told(self) -> dict[str, str]:
        updates = self._world.agent.updates
        entries = [e for update in updates for kind in update.values() for e in kind]
        updates.clear()
        return {e["id"]: e["operating_status"] for e in entries if "operating_status" in e}


def test_jobs_leave_the_word_to_heartbeats(world: World) -> None:
    scene = working(world)
    beats = Heartbeats(world, scene.lb)
    beats.tell(scene, "DOWN")
    before = {key: world.agent.operating(key) for key in scene.ids}
    assert before[scene.direct] == "ERROR"
    assert before[scene.lb] == before[scene.pool] == "DEGRADED"
    beats.told()
    world.update(scene.pool, name="other")
    world.run_all()
    world.update(scene.direct, weight=5)
    world.run_all()
    world.failover(scene.lb)
    world.run_all()
    assert beats.told().keys() == {scene.monitor, scene.policy, scene.rule}
    assert {key: world.agent.operating(key) for key in scene.ids} == before
    assert world.pending() == []
    assert len(world.reasons(scene.lb)) == 0


def test_what_was_never_heard_is_online_at_once(world: World) -> None:
    scene = working(world)
    beats = Heartbeats(world, scene.lb)
    beats.tell(scene, "UP")
    beats.told()
    member = world.add_member(scene.pool, "10.3.0.9", "sub-3")
    world.run_all()
    assert beats.told() == {member: "ONLINE"}


def test_disabled_and_enabled_while_heartbeats_come(world: World) -> None:
    scene = working(world)
    beats = Heartbeats(world, scene.lb)
    beats.tell(scene, "UP")
    beats.told()
    world.update(scene.direct, admin_state_up=False)
    world.run_all()
    assert beats.told() == {scene.direct: "OFFLINE"}
    beats.tell(scene, "MAINT")
    assert beats.told() == {scene.direct: "OFFLINE"}
    world.update(scene.direct, admin_state_up=True)
    world.run_all()
    assert beats.told() == {}
    beats.tell(scene, "UP")
    assert beats.told() == {scene.direct: "ONLINE"}


def test_without_heartbeats_a_job_tells_everything(world: World) -> None:
    scene = working(world)
    Heartbeats(world, scene.lb).tell(scene, "DOWN")
    long_ago = sa.update(models.Heartbeat).values(received_at=utcnow() - timedelta(seconds=601))
    world.sessions.run(lambda session: session.execute(long_ago))
    world.update(scene.pool, name="other")
    world.run_all()
    assert world.agent.operating(scene.pool) == "ONLINE"
