from __future__ import annotations

import pytest

from sriov_provider.db import children, inventory, models
from sriov_provider.db.engine import Sessions
from sriov_provider.records import ChildRecord, ObjectType

POOL = ChildRecord("pool", ObjectType.POOL, "lb", "lb", "HTTP")
MEMBERS = tuple(ChildRecord(f"m{i}", ObjectType.MEMBER, "lb", "pool") for i in range(3))
OTHER = ChildRecord("other", ObjectType.POOL, "lb2", "lb2", "UDP")


@pytest.fixture
def sessions() -> Sessions:
    made = Sessions("sqlite://")
    models.Base.metadata.create_all(made.engine)
    made.run(lambda s: children.save(s, [POOL, *MEMBERS, OTHER]))
    return made


def test_what_is_saved_is_found(sessions: Sessions) -> None:
    assert sessions.read(lambda s: children.get(s, "pool")) == POOL
    assert sessions.read(lambda s: children.get(s, "nothing")) is None
    assert sessions.read(lambda s: children.of_parent(s, "pool", ObjectType.MEMBER)) == MEMBERS
    assert sessions.read(lambda s: children.of_parent(s, "pool", ObjectType.L7RULE)) == ()


def test_saving_again_replaces(sessions: Sessions) -> None:
    moved = ChildRecord("m0", ObjectType.MEMBER, "lb", "elsewhere")
    sessions.run(lambda s: children.save(s, [moved]))
    assert sessions.read(lambda s: children.get(s, "m0")) == moved


def test_forget(sessions: Sessions) -> None:
    sessions.run(lambda s: children.forget(s, ["m1", "unknown"]))
    sessions.run(lambda s: children.forget(s, []))
    left = sessions.read(lambda s: children.of_parent(s, "pool", ObjectType.MEMBER))
    assert [c.id for c in left] == ["m0", "m2"]


def test_they_go_with_their_load_balancer(sessions: Sessions) -> None:
    sessions.run(lambda s: inventory.delete_load_balancer(s, "lb"))
    assert sessions.read(lambda s: children.get(s, "pool")) is None
    assert sessions.read(lambda s: children.of_parent(s, "pool", ObjectType.MEMBER)) == ()
    assert sessions.read(lambda s: children.get(s, "other")) == OTHER
