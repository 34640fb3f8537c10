"""What both sides of the heartbeat bench are given is the same, and is what it says it is."""

from __future__ import annotations

import pytest

from sriov_provider.db.types import utcnow
from sriov_provider.health import envelope, message
from tests.bench.heartbeats.messages import KEY, SITUATIONS, Shape, datagrams, ident

SHAPE = Shape(3, 2, 4, 5)


def heard(sequence: int, situation: str) -> list[message.Beat]:
    some = datagrams(SHAPE, sequence, situation)
    return [message.parse(envelope.unwrap(d, KEY.encode()), utcnow()) for d in some]


@pytest.mark.parametrize("situation", SITUATIONS)
def test_every_object_is_told_of(situation: str) -> None:
    first, second = heard(0, situation)
    assert (first.amphora_id, second.amphora_id) == (ident("amphora", 3), ident("amphora", 4))
    assert len(first.observed["listeners"]) == len(first.counted) == 4
    assert len(first.observed["pools"]) == 4
    assert len(first.observed["members"]) == 20
    assert all(c.idle == (situation == "idle") for c in first.counted.values())


def test_a_member_goes_and_comes_back() -> None:
    down, up = heard(1, "changes")[0].observed["members"], heard(2, "changes")[0].observed
    assert [k for k, v in down.items() if v == "ERROR"] == [ident("member", 3, 0, 0)]
    assert "ERROR" not in up["members"].values()
    assert heard(1, "traffic")[0].observed == up
