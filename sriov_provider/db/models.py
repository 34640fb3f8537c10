"""The provider's own tables (never Octavia's). Layers above see records, not these classes.

Enumerations are stored as strings and ids as 36 characters, so that every supported database
holds the same and a value added later needs no migration.
"""

from __future__ import annotations

import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, MetaData, String, Text, false, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from sriov_provider.db.types import SEQUENCE, UtcDateTime

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
# A number is never given twice, even when its row is deleted.
NUMBERED = {"sqlite_autoincrement": True}


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)


class LoadBalancer(Base):
    __tablename__ = "load_balancer"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    project_id: Mapped[str] = mapped_column(String(255))
    vip_address: Mapped[str] = mapped_column(String(64))
    vip_port_id: Mapped[str] = mapped_column(String(36))
    vip_subnet_id: Mapped[str] = mapped_column(String(36))
    vip_network_id: Mapped[str] = mapped_column(String(36))
    vnic_type: Mapped[str] = mapped_column(String(32), server_default="normal")
    topology: Mapped[str] = mapped_column(String(32))
    flavor: Mapped[dict[str, Any]] = mapped_column(JSON)
    availability_zone: Mapped[dict[str, Any]] = mapped_column(JSON)
    additional_vips: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    server_group_id: Mapped[str | None] = mapped_column(String(36))
    security_group_id: Mapped[str | None] = mapped_column(String(36))


class Member(Base):
    __tablename__ = "member"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    load_balancer_id: Mapped[str] = mapped_column(
        ForeignKey("load_balancer.id", ondelete="CASCADE"), index=True
    )
    pool_id: Mapped[str] = mapped_column(String(36))
    address: Mapped[str] = mapped_column(String(64))
    subnet_id: Mapped[str | None] = mapped_column(String(36))
    vnic_type: Mapped[str] = mapped_column(String(32), server_default="normal")
    network_id: Mapped[str | None] = mapped_column(String(36))
    failed: Mapped[bool] = mapped_column(server_default=false())


class Amphora(Base):
    __tablename__ = "amphora"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    load_balancer_id: Mapped[str] = mapped_column(
        ForeignKey("load_balancer.id", ondelete="CASCADE"), index=True
    )
    state: Mapped[str] = mapped_column(String(32), index=True)
    role: Mapped[str] = mapped_column(String(32))
    compute_id: Mapped[str | None] = mapped_column(String(36))
    host: Mapped[str | None] = mapped_column(String(255))
    management_ip: Mapped[str | None] = mapped_column(String(64))
    vrrp_ip: Mapped[str | None] = mapped_column(String(64))
    vrrp_port_id: Mapped[str | None] = mapped_column(String(36))
    certificate_expires: Mapped[datetime.datetime | None] = mapped_column(UtcDateTime, index=True)
    agent_version: Mapped[str | None] = mapped_column(String(64))
    firewall_digest: Mapped[str | None] = mapped_column(String(128))
    firewall_document: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    built_by: Mapped[str | None] = mapped_column(String(36))


class Port(Base):
    """No foreign key: the row of a port that could not be released outlives its load balancer."""

    __tablename__ = "port"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    load_balancer_id: Mapped[str] = mapped_column(String(36), index=True)
    amphora_id: Mapped[str] = mapped_column(String(36), index=True)
    network_id: Mapped[str] = mapped_column(String(36))
    role: Mapped[str] = mapped_column(String(32))
    vnic_type: Mapped[str] = mapped_column(String(32))
    state: Mapped[str] = mapped_column(String(32), index=True)
    neutron_id: Mapped[str | None] = mapped_column(String(36))
    mac: Mapped[str | None] = mapped_column(String(32))
    filter: Mapped[str] = mapped_column(String(32))
    addresses: Mapped[list[list[str]]] = mapped_column(JSON)
    vif_type: Mapped[str | None] = mapped_column(String(64))
    pci_slot: Mapped[str | None] = mapped_column(String(32))


class Job(Base):
    """``seq`` gives the order of creation. ``running_load_balancer_id`` holds the load balancer's
    id while the job runs and is unique: the database itself refuses a second running job.
    """

    __tablename__ = "job"
    __table_args__ = NUMBERED

    seq: Mapped[int] = mapped_column(SEQUENCE, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(String(36), unique=True)
    load_balancer_id: Mapped[str] = mapped_column(String(36), index=True)
    running_load_balancer_id: Mapped[str | None] = mapped_column(String(36), unique=True)
    action: Mapped[str] = mapped_column(String(32))
    object_type: Mapped[str] = mapped_column(String(32))
    object_id: Mapped[str] = mapped_column(String(36))
    objects: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    cascade_children: Mapped[bool] = mapped_column(server_default=false())
    state: Mapped[str] = mapped_column(String(32), index=True)
    attempt: Mapped[int] = mapped_column(server_default=text("0"))
    placement: Mapped[int] = mapped_column(server_default=text("0"))
    hosts_tried: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    not_before: Mapped[datetime.datetime | None] = mapped_column(UtcDateTime)
    lease_owner: Mapped[str | None] = mapped_column(String(255))
    lease_expires: Mapped[datetime.datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime.datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime.datetime | None] = mapped_column(UtcDateTime, index=True)


class Outbox(Base):
    """One batch of statuses that the driver-agent has not taken yet; delivered rows are deleted."""

    __tablename__ = "outbox"
    __table_args__ = NUMBERED

    seq: Mapped[int] = mapped_column(SEQUENCE, primary_key=True, autoincrement=True)
    load_balancer_id: Mapped[str] = mapped_column(String(36), index=True)
    job_id: Mapped[str | None] = mapped_column(String(36))
    statuses: Mapped[dict[str, Any]] = mapped_column(JSON)
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    last_error: Mapped[str | None] = mapped_column(Text)
    not_before: Mapped[datetime.datetime | None] = mapped_column(UtcDateTime)
    lease_owner: Mapped[str | None] = mapped_column(String(255))
    lease_expires: Mapped[datetime.datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime.datetime] = mapped_column(UtcDateTime)


class Heartbeat(Base):
    """The newest heartbeat of an amphora; written in batches, by whichever process heard it.

    ``fingerprint`` is of what it told about its objects; None has the next one looked at.
    """

    __tablename__ = "heartbeat"

    amphora_id: Mapped[str] = mapped_column(
        ForeignKey("amphora.id", ondelete="CASCADE"), primary_key=True
    )
    load_balancer_id: Mapped[str] = mapped_column(String(36), index=True)
    received_at: Mapped[datetime.datetime] = mapped_column(UtcDateTime, index=True)
    sequence: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    fingerprint: Mapped[str | None] = mapped_column(String(40))


class Health(Base):
    """What the amphorae of a load balancer should tell, told last, and what Octavia knows of it.

    ``failovers`` is also the claim: who counts it up has the failover.
    """

    __tablename__ = "health"

    load_balancer_id: Mapped[str] = mapped_column(
        ForeignKey("load_balancer.id", ondelete="CASCADE"), primary_key=True
    )
    expected: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    observed: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    reported: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    failovers: Mapped[int] = mapped_column(server_default=text("0"))


class ListenerStatistics(Base):
    """Sums of what an amphora has told of a listener. The row outlives the amphora, as totals
    must never go down. ``sender`` has taken it to tell Octavia, at ``claimed_at``.
    """

    __tablename__ = "listener_statistics"

    listener_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    amphora_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    load_balancer_id: Mapped[str] = mapped_column(
        ForeignKey("load_balancer.id", ondelete="CASCADE"), index=True
    )
    bytes_in: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    bytes_out: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    total_connections: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    request_errors: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    active_connections: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    changed: Mapped[bool] = mapped_column(server_default=false(), index=True)
    sender: Mapped[str | None] = mapped_column(String(36), index=True)
    claimed_at: Mapped[datetime.datetime | None] = mapped_column(UtcDateTime)


class FirewallCheck(Base):
    """When an amphora's firewall is looked at, and what came of it. Apart from the amphora's own
    row, which only the worker that has its load balancer's job writes, and which is big.

    ``due_at`` is also the claim: who moves it has the look.
    """

    __tablename__ = "firewall_check"

    amphora_id: Mapped[str] = mapped_column(
        ForeignKey("amphora.id", ondelete="CASCADE"), primary_key=True
    )
    due_at: Mapped[datetime.datetime] = mapped_column(UtcDateTime, index=True)
    checked_at: Mapped[datetime.datetime | None] = mapped_column(UtcDateTime)
    failures: Mapped[int] = mapped_column(server_default=text("0"))
    missing: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    drifts: Mapped[int] = mapped_column(server_default=text("0"))
    vanished: Mapped[int] = mapped_column(server_default=text("0"))
    repairs: Mapped[int] = mapped_column(server_default=text("0"))
    repairs_failed: Mapped[int] = mapped_column(server_default=text("0"))


class Chore(Base):
    """Housekeeping that one worker at a time does, and what came of it last.

    ``due_at`` is also the claim: who moves it does it.
    """

    __tablename__ = "chore"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    due_at: Mapped[datetime.datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime.datetime | None] = mapped_column(UtcDateTime)
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


class Server(Base):
    """An amphora's server as Nova showed it last; ``job_id`` puts right what has changed since.

    Only the worker that looks at servers writes here.
    """

    __tablename__ = "server"

    amphora_id: Mapped[str] = mapped_column(
        ForeignKey("amphora.id", ondelete="CASCADE"), primary_key=True
    )
    compute_id: Mapped[str] = mapped_column(String(36))
    image_id: Mapped[str | None] = mapped_column(String(36))
    launched_at: Mapped[str | None] = mapped_column(String(64))
    job_id: Mapped[str | None] = mapped_column(String(36))
    failures: Mapped[int] = mapped_column(server_default=text("0"))
    not_before: Mapped[datetime.datetime | None] = mapped_column(UtcDateTime)


class Reason(Base):
    __tablename__ = "reason"
    __table_args__ = NUMBERED

    seq: Mapped[int] = mapped_column(SEQUENCE, primary_key=True, autoincrement=True)
    object_type: Mapped[str] = mapped_column(String(32))
    object_id: Mapped[str] = mapped_column(String(36), index=True)
    load_balancer_id: Mapped[str] = mapped_column(String(36), index=True)
    code: Mapped[str] = mapped_column(String(64))
    user_text: Mapped[str] = mapped_column(Text)
    operator_text: Mapped[str] = mapped_column(Text)
    job_id: Mapped[str | None] = mapped_column(String(36))
    created_at: Mapped[datetime.datetime] = mapped_column(UtcDateTime)


class Child(Base):
    """An object below a load balancer, written by the API side when it accepts the object."""

    __tablename__ = "child"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    type: Mapped[str] = mapped_column(String(32))
    load_balancer_id: Mapped[str] = mapped_column(String(36), index=True)
    parent_id: Mapped[str] = mapped_column(String(36), index=True)
    protocol: Mapped[str | None] = mapped_column(String(32))
