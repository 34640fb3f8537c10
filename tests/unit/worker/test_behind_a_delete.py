"""What comes behind a delete finds nothing to do and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from octavia_lib.api.drivers import exceptions

from sriov_provider import upkeep
from sriov_provider.db import jobs
from sriov_provider.records import AmphoraRecord, Job, JobState
from sriov_provider.status.outbox import PATIENCE, Outbox, Statuses
from tests.unit.worker.harness import World
from tests.unit.worker.pairs import place
from tests.unit.worker.scenes import working


@pytest.mark.parametrize("placed", [upkeep.failover, upkeep.refresh])
def test_an_amphora_of_a_load_balancer_that_went_is_not_built(
    world: World, placed: Callable[[AmphoraRecord], Job]
) -> None:
    """Octavia still shows the tree: it has not heard yet."""
    scene = working(world)
    job = placed(world.only_amphora(scene.lb))
    world.delete_load_balancer(scene.lb)
    place(world, job)
    for _ in range(2):
        claimed = world.claim()
        assert claimed is not None
        world.run(claimed)
    assert claimed.id == job.id
    assert scene.lb in world.agent.trees
    ended = world.sessions.read(lambda session: jobs.get(session, job.id))
    assert ended is not None and ended.state is JobState.DONE
    assert world.cloud.left_over() == ()
    assert world.inventory(scene.lb).load_balancer is None
    world.deliver()
    assert world.agent.provisioning(scene.lb) == "DELETED"


def test_no_reason_outlives_its_load_balancer(world: World) -> None:
    scene = working(world)
    world.delete_load_balancer(scene.lb)
    job = world.claim()
    assert job is not None
    world.run(job)

    def refuse(statuses: Statuses) -> None:
        kind = next(iter(statuses))
        raise exceptions.UpdateStatusError(
            fault_string="gone", status_object=kind, status_object_id=statuses[kind][0]["id"]
        )

    outbox = Outbox(world.sessions, refuse, lambda *_: False, "host", 0.0)
    for _ in range(PATIENCE * (len(scene.ids) + 1)):
        outbox.deliver_pending()
    assert world.undelivered() == 0
    assert world.reasons(scene.lb) == ()
