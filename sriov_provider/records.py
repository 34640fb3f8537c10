"""What the provider's own tables hold, as plain immutable records (design: data)."""

from __future__ import annotations

import dataclasses
import datetime
import enum
from collections.abc import Mapping
from typing import Any

from sriov_provider.errors import Reason
from sriov_provider.vnic import Filter


class Action(str, enum.Enum):
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    FAILOVER = "failover"
    # Ours alone: no user asked for it and Octavia hears nothing of it.
    REPAIR = "repair"
    RENEW = "renew"


class ObjectType(str, enum.Enum):
    """What a job can be about; values as octavia-lib's status keys. An amphora is our own matter:
    Octavia hears nothing of it."""

    LOADBALANCER = "loadbalancers"
    LISTENER = "listeners"
    POOL = "pools"
    MEMBER = "members"
    HEALTHMONITOR = "healthmonitors"
    L7POLICY = "l7policies"
    L7RULE = "l7rules"
    AMPHORA = "amphorae"


class JobState(str, enum.Enum):
    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class PortRole(str, enum.Enum):
    VIP = "vip"
    MEMBER = "member"


class PortState(str, enum.Enum):
    WANTED = "wanted"
    ATTACHED = "attached"
    RELEASING = "releasing"
    LEAKED = "leaked"


class AmphoraState(str, enum.Enum):
    WANTED = "wanted"
    BOOTING = "booting"
    READY = "ready"
    # It serves, but did not answer when something changed: it has missed that.
    STALE = "stale"
    RELEASING = "releasing"


@dataclasses.dataclass(frozen=True)
class ObjectRef:
    """One Octavia object that a job touches.

    :ivar parent_id: the pool of a member or health monitor, the listener of an L7 policy, the
        policy of an L7 rule, the load balancer of a listener or pool
    :ivar expected: values that must be visible in Octavia's tree before the job may run
        (references only, never secrets); keys are octavia-lib attribute names
    """

    type: ObjectType
    id: str
    action: Action
    parent_id: str | None = None
    expected: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Job:
    """One row of the job table.

    :ivar objects: what it touches; one except for a member batch
    :ivar attempt: 1 on the first run
    :ivar placement: how many of the ways to place a new amphora have found no VF
    :ivar hosts_tried: compute hosts that were found to have none
    :ivar cascade: delete of a load balancer with all its children
    """

    id: str
    load_balancer_id: str
    action: Action
    object_type: ObjectType
    object_id: str
    objects: tuple[ObjectRef, ...] = ()
    cascade: bool = False
    state: JobState = JobState.PENDING
    attempt: int = 0
    placement: int = 0
    hosts_tried: tuple[str, ...] = ()
    lease_owner: str | None = None
    lease_expires: datetime.datetime | None = None
    created_at: datetime.datetime | None = None

    @property
    def creates_load_balancer(self) -> bool:
        return self.object_type is ObjectType.LOADBALANCER and self.action is Action.CREATE

    @property
    def removes_load_balancer(self) -> bool:
        return self.object_type is ObjectType.LOADBALANCER and self.action is Action.DELETE


@dataclasses.dataclass(frozen=True)
class LoadBalancerRecord:
    """:ivar flavor: the flavor's values as resolved at create
    :ivar additional_vips: ``address``, ``subnet_id``, ``port_id``, ``network_id`` of each
    """

    id: str
    project_id: str
    vip_address: str
    vip_port_id: str
    vip_subnet_id: str
    vip_network_id: str
    vnic_type: str = "normal"
    topology: str = "SINGLE"
    flavor: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    availability_zone: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    additional_vips: tuple[Mapping[str, Any], ...] = ()
    server_group_id: str | None = None
    security_group_id: str | None = None

    def vip_addresses(self) -> tuple[str, ...]:
        """The primary VIP address first, then the additional ones."""
        return (self.vip_address, *(str(vip["address"]) for vip in self.additional_vips))


@dataclasses.dataclass(frozen=True)
class MemberRecord:
    """:ivar network_id: the network its port is on; None when reached by routing
    :ivar failed: why it is left out of the configuration, if it is
    """

    id: str
    load_balancer_id: str
    pool_id: str
    address: str
    subnet_id: str | None
    vnic_type: str = "normal"
    network_id: str | None = None
    failed: bool = False


@dataclasses.dataclass(frozen=True)
class ChildRecord:
    """What the API side knows of an object below a load balancer: Octavia's calls name only the
    direct parent, and the API process must not ask anybody else.

    :ivar parent_id: as in :class:`ObjectRef`
    :ivar protocol: of a listener or pool
    """

    id: str
    type: ObjectType
    load_balancer_id: str
    parent_id: str
    protocol: str | None = None


@dataclasses.dataclass(frozen=True)
class AmphoraRecord:
    """:ivar management_ip: address of its agent on the management network
    :ivar vrrp_ip: base address of its VIP port
    :ivar firewall_document: the rule document its agent applied last (JSON)
    :ivar built_by: id of the job that began to build it
    """

    id: str
    load_balancer_id: str
    state: AmphoraState = AmphoraState.WANTED
    role: str = "STANDALONE"
    compute_id: str | None = None
    host: str | None = None
    management_ip: str | None = None
    vrrp_ip: str | None = None
    vrrp_port_id: str | None = None
    certificate_expires: datetime.datetime | None = None
    agent_version: str | None = None
    firewall_digest: str | None = None
    firewall_document: Mapping[str, Any] | None = None
    built_by: str | None = None

    @property
    def serves(self) -> bool:
        """It was built to the end; whether it is alive is another question."""
        return self.state in (AmphoraState.READY, AmphoraState.STALE)


@dataclasses.dataclass(frozen=True)
class PortRecord:
    """:ivar id: our row id, known before Neutron has been asked
    :ivar neutron_id: None until Neutron has answered
    :ivar addresses: (subnet id, address) of each fixed address (JSON: list of pairs)
    :ivar vif_type: what the request for ``vnic_type`` became, as Neutron bound it
    :ivar pci_slot: PCI address of the VF, as Nova reported it
    """

    id: str
    load_balancer_id: str
    amphora_id: str
    network_id: str
    role: PortRole
    vnic_type: str
    state: PortState = PortState.WANTED
    neutron_id: str | None = None
    mac: str | None = None
    filter: Filter = Filter.UNKNOWN
    addresses: tuple[tuple[str, str], ...] = ()
    vif_type: str | None = None
    pci_slot: str | None = None


@dataclasses.dataclass(frozen=True)
class ReasonRecord:
    object_type: ObjectType
    object_id: str
    load_balancer_id: str
    code: str
    user: str
    operator: str
    job_id: str | None = None
    created_at: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True)
class Inventory:
    """Everything we hold for one load balancer: the actual state a plan starts from.

    :ivar reasons: latest reason of each member that is marked failed, by member id
    """

    load_balancer: LoadBalancerRecord | None
    amphorae: tuple[AmphoraRecord, ...] = ()
    ports: tuple[PortRecord, ...] = ()
    members: tuple[MemberRecord, ...] = ()
    reasons: Mapping[str, Reason] = dataclasses.field(default_factory=dict)
