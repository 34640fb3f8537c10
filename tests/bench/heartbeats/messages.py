"""The same load balancers and the same heartbeats for both sides."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Iterator
from typing import Any

from octavia.amphorae.backends.health_daemon import status_message

KEY = "bench"
_SPACE = uuid.UUID(int=2)


def ident(kind: str, *numbers: int) -> str:
    """The same for the same numbers."""
    return str(uuid.uuid5(_SPACE, kind + ".".join(map(str, numbers))))


@dataclasses.dataclass(frozen=True)
class Shape:
    """Load balancers of one amphora each.

    :ivar number: of them; the first one is number ``first``
    :ivar listeners: each with a pool
    :ivar members: of each pool
    """

    first: int
    number: int
    listeners: int
    members: int

    def __str__(self) -> str:
        return f"{self.listeners} listeners, {self.members} members each"

    @property
    def balancers(self) -> range:
        return range(self.first, self.first + self.number)


# What heartbeats tell: nothing moves, traffic everywhere, and a member that goes or comes back.
SITUATIONS = ("idle", "traffic", "changes")


def datagrams(shape: Shape, sequence: int, situation: str) -> list[bytes]:
    """One heartbeat of each amphora, as agents send them."""
    return [
        status_message.wrap_envelope(_said(shape, n, sequence, situation), KEY)
        for n in shape.balancers
    ]


def _said(shape: Shape, n: int, sequence: int, situation: str) -> dict[str, Any]:
    moved = 0 if situation == "idle" else 1
    stats = {"rx": 400 * moved, "tx": 4000 * moved, "totconns": 3 * moved, "conns": 0, "ereq": 0}
    down = situation == "changes" and sequence % 2 == 1
    return {
        "id": ident("amphora", n),
        "seq": sequence,
        "ver": 3,
        "listeners": {
            ident("listener", n, m): {"status": "OPEN", "stats": stats}
            for m in range(shape.listeners)
        },
        "pools": dict(_pools(shape, n, down)),
    }


def _pools(shape: Shape, n: int, down: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    for m in range(shape.listeners):
        members = {ident("member", n, m, k): "UP" for k in range(shape.members)}
        if down and m == 0:
            members[ident("member", n, 0, 0)] = "DOWN"
        name = f"{ident('pool', n, m)}:{ident('listener', n, m)}"
        yield name, {"status": "UP", "members": members}
