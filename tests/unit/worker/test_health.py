"""What jobs tell the health manager."""

from __future__ import annotations

import sqlalchemy as sa

from sriov_provider.db import health, models
from sriov_provider.health.judge import Expected
from sriov_provider.health.writer import Writer
from tests.unit.health.beats import beat
from tests.unit.worker.harness import World


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
    assert world.sessions.run(lambda s: health.lock(s, [lb]))[lb].reported == {}
