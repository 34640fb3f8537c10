"""What failed in an earlier job and is served after a later one is reported as working."""

from __future__ import annotations

import pytest

from tests.fakes import errors
from tests.unit.worker.harness import World
from tests.unit.worker.scenes import working


@pytest.mark.parametrize("kind", ["listener", "member"])
def test_a_failed_child_is_active_once_a_later_change_serves_it(world: World, kind: str) -> None:
    scene = working(world)
    world.amphora.fail("configure", errors.not_found())
    if kind == "listener":
        broken = world.add_listener(scene.lb, protocol_port=8081)
    else:
        broken = world.add_member(scene.pool, "10.1.0.77", "sub-1", vnic_type="direct")
    world.run_all()
    assert world.agent.provisioning(broken) == "ERROR"
    assert world.codes(broken, scene.lb) == ["not-found"]
    world.update(scene.pool, lb_algorithm="LEAST_CONNECTIONS")
    world.run_all()
    assert world.agent.provisioning(broken) == "ACTIVE"
    assert world.codes(broken, scene.lb) == []
    served = world.served(scene.lb)
    assert broken in {i.id for i in served.listeners} | {m.id for m in served.members()}
