"""What a plan is made of: plain immutable descriptions."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Mapping

from sriov_provider import config, tree
from sriov_provider.errors import Code, Reason
from sriov_provider.records import AmphoraRecord, Job, MemberRecord, PortRecord


class ReleaseWhen(str, enum.Enum):
    """When an amphora that is to go is gone; before a plug it has at least stood down. An amphora
    of a pair has the VIP from keepalived: its VIP interface may be set up while another one still
    serves. One that needs no room of the other one's may have its rules and its configuration while
    that is deleted."""

    BEFORE_BUILD = "before_build"
    BEFORE_PLUG = "before_plug"
    BEFORE_MEMBERS = "before_members"
    BEFORE_VRRP = "before_vrrp"


class Group(str, enum.Enum):
    """The groups of a load balancer."""

    SECURITY = "security"
    SERVER = "server"


class Retry(str, enum.Enum):
    """What comes of a member whose port or network fails for a reason that may pass.

    NOW: the job fails and is run again. AGAIN: all else is done, and the job is run again for it.
    LATER: it is in ERROR and a job of its own tries it again. NEVER: it is in ERROR until somebody
    changes it.
    """

    NOW = "now"
    AGAIN = "again"
    LATER = "later"
    NEVER = "never"


@dataclasses.dataclass(frozen=True)
class BootPlan:
    """How to boot one amphora. Networks: the management network first."""

    name: str
    flavor: str
    image_tag: str
    image_owner: str | None
    networks: tuple[str, ...]
    security_groups: tuple[str, ...]
    key_name: str | None
    availability_zone: str | None
    topology: str


@dataclasses.dataclass(frozen=True)
class PortPlan:
    """One interface of one amphora.

    :ivar record: the row as it shall be written before Neutron is asked
    :ivar members: members that need what is new about it; they fail when it cannot be had
    """

    record: PortRecord
    subnet_ids: tuple[str, ...]
    allowed_addresses: tuple[str, ...] = ()
    qos_policy_id: str | None = None
    members: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class AmphoraPlan:
    """One amphora to have at the end.

    :ivar boot: None when it is there already
    :ivar boots_with: rows of the ports the server is booted with; others are hot-plugged
    :ivar elsewhere: it is built another way when a port finds no VF
    :ivar vip_port: None when it is plugged already
    :ivar member_ports: member interfaces to plug or to give further addresses
    :ivar vip_subnets: further subnets of the VIP's own network that members are on
    :ivar vip_members: the members there; they fail when the VIP port gets no address there
    """

    record: AmphoraRecord
    management_network: str
    boot: BootPlan | None = None
    boots_with: frozenset[str] = frozenset()
    elsewhere: bool = False
    vip_port: PortPlan | None = None
    member_ports: tuple[PortPlan, ...] = ()
    vip_subnets: tuple[str, ...] = ()
    vip_members: tuple[str, ...] = ()

    @property
    def hot_plugged(self) -> tuple[PortPlan, ...]:
        """Member interfaces that the server is not booted with."""
        return tuple(p for p in self.member_ports if p.record.id not in self.boots_with)


@dataclasses.dataclass(frozen=True)
class Plan:
    """What to do.

    :ivar serve: the tree to be served at the end; None when nothing shall be
    :ivar members: rows of all members after the job, failed ones marked
    :ivar groups_in_doubt: groups on record that may be gone from the cloud and are needed for what
        is built: they are looked up, and made anew if need be
    :ivar left_out: amphorae that do not answer while another one does: what this plan changes,
        they miss
    :ivar anew: ids of amphorae whose servers may be others than they were: what they have is looked
        at again, and pushed again as a whole
    :ivar elsewhere: failures to find room after which the plan is made again: another way is left
    :ivar yields: of the amphorae to release those that hand the VIP over first
    :ivar vrrp: keepalived is to be told who its peer is
    :ivar again: once it is carried out, another plan of the same job follows
    :ivar ahead: of that other plan, what is done beside this one: an amphora is built and plugged.
        Its failure is no failure of this one
    :ivar failed: members that cannot be served, with the reason
    :ivar lacking: ids of amphorae that lack members which a job of its own tries again
    :ivar adopt: True when an earlier run may have left something in the cloud, so look first
    :ivar vip_qos: (True, policy id or None) when the VIP's QoS policy is to be set
    :ivar vip_groups: True when the security groups the user asked for on the VIP are to be set
    :ivar leftovers: rows of ports to release whose release may fail: what one job could not give
        back must not keep the next ones from their end
    :ivar remove_all: the load balancer goes, with its groups
    :ivar repair_firewall: the amphorae's rules are applied again where they are others; no more
    """

    job: Job
    load_balancer_id: str
    owner: str
    serve: tree.LoadBalancer | None
    topology: str
    group_name: str
    server_group_policy: str | None = None
    groups_in_doubt: frozenset[Group] = frozenset()
    amphorae: tuple[AmphoraPlan, ...] = ()
    release_amphorae: tuple[AmphoraRecord, ...] = ()
    release_when: ReleaseWhen = ReleaseWhen.BEFORE_PLUG
    release_ports: tuple[PortRecord, ...] = ()
    left_out: tuple[AmphoraRecord, ...] = ()
    anew: frozenset[str] = frozenset()
    elsewhere: frozenset[Code] = frozenset()
    yields: tuple[AmphoraRecord, ...] = ()
    vrrp: bool = False
    again: bool = False
    ahead: Plan | None = None
    members: tuple[MemberRecord, ...] = ()
    failed: Mapping[str, Reason] = dataclasses.field(default_factory=dict)
    configure: bool = False
    retry_members: Retry = Retry.NEVER
    lacking: frozenset[str] = frozenset()
    adopt: bool = False
    vip_qos: tuple[bool, str | None] = (False, None)
    vip_groups: bool = False
    leftovers: frozenset[str] = frozenset()
    remove_all: bool = False
    repair_firewall: bool = False

    def reads(self) -> tuple[frozenset[str], frozenset[str]]:
        """Networks and subnets that agents are told of, as far as they are known by now."""
        amphorae = (*self.amphorae, *(self.ahead.amphorae if self.ahead else ()))
        plugged = [p for a in amphorae for p in (*a.member_ports, a.vip_port) if p]
        networks = {p.record.network_id for p in plugged}
        subnets = {s for p in plugged for s in p.subnet_ids}
        return frozenset(networks), frozenset(subnets)


@dataclasses.dataclass(frozen=True)
class Facts:
    """What the plan needs to know besides the tree and the inventory.

    :ivar networks: network of each member subnet, or why it could not be had
    :ivar new_id: source of new ids (a parameter, so that the plan stays pure)
    :ivar last_attempt: the job will not be run again
    :ivar silent: ids of the amphorae of a pair that do not answer
    :ivar prepared: ids of amphorae that this very run has built and plugged already
    :ivar alone: there is no room to build anything ahead
    """

    settings: config.Amphora
    networks: Mapping[str, str | Reason]
    new_id: Callable[[], str]
    last_attempt: bool = False
    silent: frozenset[str] = frozenset()
    prepared: frozenset[str] = frozenset()
    alone: bool = False
