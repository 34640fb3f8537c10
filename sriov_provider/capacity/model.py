"""What capacity is made of: who holds VFs, what the cloud tells, what came out. No behaviour.

A physical network is named as in Neutron; ``TUNNELLED`` stands for VFs of networks without one;
None is one that could not be found out.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping

from sriov_provider.records import PortRole, PortState

TUNNELLED = "tunnelled"


@dataclasses.dataclass(frozen=True)
class Holding:
    """A port of ours that takes a VF.

    :ivar host: of its amphora; None when it has none, or is gone
    :ivar neutron_id: None before Neutron has made the port
    """

    id: str
    load_balancer_id: str
    amphora_id: str
    network_id: str
    role: PortRole
    state: PortState
    host: str | None = None
    neutron_id: str | None = None


@dataclasses.dataclass(frozen=True)
class Inside:
    """What our own tables say.

    :ivar release_first: load balancers whose failover frees the old VFs before it takes new ones
    :ivar leaving: amphorae that are being given up; nothing is built in their place
    :ivar jobs: number of jobs by state
    :ivar undelivered: batches of statuses that Octavia has not taken yet
    """

    holdings: tuple[Holding, ...] = ()
    release_first: frozenset[str] = frozenset()
    leaving: frozenset[str] = frozenset()
    jobs: Mapping[str, int] = dataclasses.field(default_factory=dict)
    undelivered: int = 0


@dataclasses.dataclass(frozen=True)
class BoundPort:
    """A port, of whomever, that Nova has given a VF.

    :ivar physnet: that of the VF, as Nova claimed it
    """

    id: str
    host: str
    physnet: str


@dataclasses.dataclass(frozen=True)
class Stock:
    """VFs of one host in Placement.

    :ivar total: without what is reserved
    :ivar used: by whomever
    """

    total: int
    used: int


@dataclasses.dataclass(frozen=True)
class Outside:
    """What Neutron, Nova and Placement tell; None is what they do not.

    :ivar ports: all ports with a VF, of all projects
    :ivar physnets: physical network by network id
    :ivar mapped: physical networks of each host that has an SR-IOV agent
    :ivar agents_down: hosts whose SR-IOV agent is not alive, or disabled
    :ivar hosts_down: hosts on which Nova starts nothing, and why
    :ivar stocks: by resource class and host
    :ivar unknown: a sentence for each source that did not tell
    """

    ports: tuple[BoundPort, ...] | None = None
    physnets: Mapping[str, str] = dataclasses.field(default_factory=dict)
    mapped: Mapping[str, frozenset[str]] | None = None
    agents_down: frozenset[str] = frozenset()
    hosts_down: Mapping[str, str] | None = None
    stocks: Mapping[str, Mapping[str, Stock]] = dataclasses.field(default_factory=dict)
    unknown: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Gap:
    """Something that is not known of a row.

    :ivar what: its name
    :ivar why: and what can be done about it, if anything
    """

    what: str
    why: str

    def __str__(self) -> str:
        return f"{self.what}: {self.why}"


@dataclasses.dataclass(frozen=True)
class Row:
    """VFs of one physical network on one host; None is what is not known.

    :ivar physnet: None for VFs on a network whose physical network is not known
    :ivar host: None for ports that are on no host yet, or whose host is not known
    :ivar vip, member: attached to amphorae, by role
    :ivar wanted: of ours and not attached yet; counted as taken
    :ivar releasing, leaked: of ours, to be given back, or not given back in spite of all attempts
    :ivar others: taken by anybody else
    :ivar troubles: why no amphora can be put there now; empty when nothing is known against it
    :ivar unknown: what is None, and why
    """

    physnet: str | None
    host: str | None
    total: int | None = None
    free: int | None = None
    vip: int = 0
    member: int = 0
    wanted: int = 0
    releasing: int = 0
    leaked: int = 0
    others: int | None = None
    troubles: tuple[str, ...] = ()
    unknown: tuple[Gap, ...] = ()

    @property
    def ours(self) -> int:
        return self.vip + self.member + self.wanted + self.releasing + self.leaked


class Verdict(str, enum.Enum):
    POSSIBLE = "possible"
    IMPOSSIBLE = "impossible"
    UNKNOWN = "unknown"


@dataclasses.dataclass(frozen=True)
class Need:
    """What a new amphora in the place of this one takes.

    :ivar vfs: number of VFs by physical network, all on one host
    """

    amphora_id: str
    host: str | None
    vfs: Mapping[str | None, int]


@dataclasses.dataclass(frozen=True)
class Failover:
    """Whether a load balancer can be failed over now.

    :ivar hosts: where its amphora, or the one with the fewest choices, finds all its VFs
    :ivar why: a sentence when it is not possible, or not known to be
    """

    load_balancer_id: str
    verdict: Verdict
    release_first: bool
    needs: tuple[Need, ...]
    hosts: tuple[str, ...] = ()
    why: str = ""


@dataclasses.dataclass(frozen=True)
class Report:
    """:ivar unknown: a sentence for each source that did not tell"""

    rows: tuple[Row, ...]
    failovers: tuple[Failover, ...]
    unknown: tuple[str, ...] = ()
