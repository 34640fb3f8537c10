"""What a sweep compares: what is ours in the cloud, and what our tables say. No behaviour."""

from __future__ import annotations

import dataclasses
import datetime
import enum
from collections.abc import Mapping

from sriov_provider.network.base import Port


class Kind(str, enum.Enum):
    """In the order of deleting: nothing is needed by what comes later."""

    SERVER = "server"
    PORT = "port"
    SECURITY_GROUP = "security-group"
    SERVER_GROUP = "server-group"


@dataclasses.dataclass(frozen=True)
class Found:
    """Something that is in the cloud.

    :ivar load_balancer_id: from its tag; None when it has none that is ours
    :ivar created_at: None where the service does not tell
    :ivar port: of a port, all Neutron shows
    :ivar members: of a server group, ids of its servers
    :ivar mine: it belongs to our own project; users may give theirs any tag
    """

    kind: Kind
    id: str
    name: str
    load_balancer_id: str | None = None
    created_at: datetime.datetime | None = None
    port: Port | None = None
    members: tuple[str, ...] = ()
    mine: bool = True

    @property
    def server_id(self) -> str:
        """Of a port: the server it is attached to, or empty."""
        return self.port.device_id if self.port else ""


@dataclasses.dataclass(frozen=True)
class Held:
    """Something that is on record, and wanted.

    :ivar id: as in the cloud; None before the cloud has answered, then the name tells
    """

    kind: Kind
    id: str | None
    name: str
    load_balancer_id: str


@dataclasses.dataclass(frozen=True)
class Known:
    """What our tables say.

    :ivar balancers: load balancers on record
    :ivar busy: load balancers with a job that is pending or running
    :ivar ended: load balancers that had jobs, and when the last of them ended
    :ivar given_up: Neutron ids of ports recorded as leaked
    """

    held: tuple[Held, ...] = ()
    balancers: frozenset[str] = frozenset()
    busy: frozenset[str] = frozenset()
    ended: Mapping[str, datetime.datetime] = dataclasses.field(default_factory=dict)
    given_up: frozenset[str] = frozenset()


@dataclasses.dataclass(frozen=True)
class Leak:
    """Ours, and nobody knows it any more.

    :ivar age: seconds since it was made, or since the last job of its load balancer
    :ivar why: a sentence
    :ivar obstacle: why it must not be deleted now; None when it may
    """

    found: Found
    load_balancer_id: str
    age: float
    why: str
    obstacle: str | None = None


@dataclasses.dataclass(frozen=True)
class Swept:
    """What came of one leak.

    :ivar done: it is not there any more
    :ivar words: for a person
    :ivar wanted: it turned out to be none
    :ivar doubted: it may be none
    """

    leak: Leak
    done: bool
    words: str
    wanted: bool = False
    doubted: bool = False
