"""Updates whose new values Octavia does not tell the driver."""

from __future__ import annotations

from sriov_provider.records import Action, Inventory, Job, ObjectRef, ObjectType
from sriov_provider.worker.trees import TreeReader

TREE = {"loadbalancer_id": "lb", "listeners": [], "pools": [], "admin_state_up": True}


def _wait(expected: dict[str, object]) -> list[float]:
    slept: list[float] = []
    reader = TreeReader(lambda _: TREE, timeout=5.0, sleep=slept.append)
    ref = ObjectRef(ObjectType.LOADBALANCER, "lb", Action.UPDATE, expected=expected)
    job = Job("job", "lb", Action.UPDATE, ObjectType.LOADBALANCER, "lb", (ref,))
    assert reader.wait(job, Inventory(None)) is not None
    return slept


def test_an_update_without_visible_values_gives_the_api_time_to_commit() -> None:
    assert sum(_wait({})) >= 1.0


def test_an_update_with_visible_values_does_not_wait() -> None:
    assert _wait({"admin_state_up": True}) == []
