"""What a rolling replacement of amphorae is made of. No behaviour."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from typing import Any

from sriov_provider.records import Job, JobState


@dataclasses.dataclass(frozen=True)
class Target:
    """An amphora that shall be replaced.

    :ivar why: a few words
    """

    amphora_id: str
    load_balancer_id: str
    role: str = "STANDALONE"
    host: str | None = None
    why: str = ""


@dataclasses.dataclass(frozen=True)
class Found:
    """An amphora as it is on record.

    :ivar flavor: of its load balancer; as are ``topology`` and ``peers``, hosts of the other ones
    """

    amphora_id: str
    load_balancer_id: str
    role: str
    host: str | None = None
    compute_id: str | None = None
    agent_version: str | None = None
    flavor: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    topology: str = "SINGLE"
    peers: frozenset[str] = frozenset()


class Room(str, enum.Enum):
    """Whether a new amphora finds its place."""

    SURE = "sure"
    NONE = "none"
    UNKNOWN = "unknown"


@dataclasses.dataclass(frozen=True)
class Prospect:
    """:ivar hosts: where there is room for sure
    :ivar why: a sentence where there is none, or nobody knows
    :ivar risky: the old amphora goes before the new one has its place
    """

    room: Room = Room.SURE
    hosts: tuple[str, ...] = ()
    why: str = ""
    risky: bool = False


@dataclasses.dataclass(frozen=True)
class Look:
    """A target right before its turn.

    :ivar found: None when it is not on record any more
    :ivar wanted: it still is what it was picked for
    :ivar job: of its load balancer, that waits or runs
    """

    target: Target
    found: Found | None
    wanted: bool = True
    job: Job | None = None


class Do(str, enum.Enum):
    REPLACE = "replace"
    WAIT = "wait"
    SKIP = "skip"
    PASS = "pass"


@dataclasses.dataclass(frozen=True)
class Step:
    """:ivar why: a sentence; of SKIP what stands against it, of PASS why there is no need"""

    do: Do
    why: str = ""


@dataclasses.dataclass(frozen=True)
class Rules:
    """:ivar patience: seconds to wait while its load balancer is being changed
    :ivar timeout: seconds for one replacement
    :ivar wait: for each to end
    :ivar force: replace what may find no place though it goes first
    :ivar keep_going: go on after one that was not replaced
    """

    patience: float = 600.0
    timeout: float = 3600.0
    wait: bool = True
    force: bool = False
    keep_going: bool = False


class End(str, enum.Enum):
    REPLACED = "replaced"
    PLACED = "placed"
    NO_NEED = "no need"
    SKIPPED = "skipped"
    FAILED = "failed"
    IN_VAIN = "in vain"
    RUNNING = "still running"


# What an operator has to look after.
BAD = frozenset({End.SKIPPED, End.FAILED, End.IN_VAIN, End.RUNNING})


@dataclasses.dataclass(frozen=True)
class Ended:
    """A job that has ended.

    :ivar reason: for an operator, of one that failed
    :ivar replacement: the amphora it has built
    """

    state: JobState
    reason: str = ""
    replacement: Found | None = None


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of a target.

    :ivar words: for an operator
    """

    target: Target
    end: End
    words: str = ""
    job_id: str | None = None
    replacement: Found | None = None

    @property
    def bad(self) -> bool:
        return self.end in BAD
