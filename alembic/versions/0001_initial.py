"""Create the provider's tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = ("reason", "heartbeat", "outbox", "job", "port", "amphora", "member", "load_balancer")


def _id(name: str, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(36), nullable=nullable)


def _text(name: str, length: int, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=nullable)


def _time(name: str, nullable: bool = True) -> sa.Column[object]:
    kind = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
    return sa.Column(name, kind, nullable=nullable)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false())


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False, server_default=sa.text("0"))


def _json(name: str, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.JSON(), nullable=nullable)


def _sequence() -> sa.Column[int]:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column("seq", kind, autoincrement=True, nullable=False)


def _of_load_balancer(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["load_balancer_id"],
        ["load_balancer.id"],
        name=f"fk_{table}_load_balancer_id",
        ondelete="CASCADE",
    )


def _create(
    table: str, *columns: sa.schema.SchemaItem, key: str = "id", indexes: tuple[str, ...] = ()
) -> None:
    op.create_table(
        table,
        *columns,
        sa.PrimaryKeyConstraint(key, name=f"pk_{table}"),
        sqlite_autoincrement=key == "seq",
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
    )
    for column in indexes:
        op.create_index(f"ix_{table}_{column}", table, [column])


def upgrade() -> None:
    _load_balancers()
    _amphorae()
    _jobs()
    _observations()


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)


def _load_balancers() -> None:
    _create(
        "load_balancer",
        _id("id"),
        _text("project_id", 255),
        _text("vip_address", 64),
        _id("vip_port_id"),
        _id("vip_subnet_id"),
        _id("vip_network_id"),
        _text("topology", 32),
        _json("flavor"),
        _json("availability_zone"),
        _json("additional_vips"),
        _id("server_group_id", nullable=True),
        _id("security_group_id", nullable=True),
    )
    _create(
        "member",
        _id("id"),
        _id("load_balancer_id"),
        _id("pool_id"),
        _text("address", 64),
        _id("subnet_id", nullable=True),
        _id("network_id", nullable=True),
        _flag("failed"),
        _of_load_balancer("member"),
        indexes=("load_balancer_id",),
    )


def _amphorae() -> None:
    _create(
        "amphora",
        _id("id"),
        _id("load_balancer_id"),
        _text("state", 32),
        _text("role", 32),
        _id("compute_id", nullable=True),
        _text("host", 255, nullable=True),
        _text("management_ip", 64, nullable=True),
        _text("vrrp_ip", 64, nullable=True),
        _id("vrrp_port_id", nullable=True),
        _time("certificate_expires"),
        _text("agent_version", 64, nullable=True),
        _text("firewall_digest", 128, nullable=True),
        _json("firewall_document", nullable=True),
        _id("built_by", nullable=True),
        _of_load_balancer("amphora"),
        indexes=("load_balancer_id",),
    )
    _create(
        "port",
        _id("id"),
        _id("load_balancer_id"),
        _id("amphora_id"),
        _id("network_id"),
        _text("role", 32),
        _text("vnic_type", 32),
        _text("state", 32),
        _id("neutron_id", nullable=True),
        _text("mac", 32, nullable=True),
        _text("filter", 32),
        _json("addresses"),
        _text("pci_slot", 32, nullable=True),
        indexes=("load_balancer_id", "amphora_id", "state"),
    )


def _jobs() -> None:
    _create(
        "job",
        _sequence(),
        _id("id"),
        _id("load_balancer_id"),
        _id("running_load_balancer_id", nullable=True),
        _text("action", 32),
        _text("object_type", 32),
        _id("object_id"),
        _json("objects"),
        _flag("cascade_children"),
        _text("state", 32),
        _count("attempt"),
        _time("not_before"),
        _text("lease_owner", 255, nullable=True),
        _time("lease_expires"),
        _time("created_at", nullable=False),
        _time("finished_at"),
        sa.UniqueConstraint("id", name="uq_job_id"),
        sa.UniqueConstraint("running_load_balancer_id", name="uq_job_running_load_balancer_id"),
        key="seq",
        indexes=("load_balancer_id", "state"),
    )
    _create(
        "outbox",
        _sequence(),
        _id("load_balancer_id"),
        _id("job_id", nullable=True),
        _json("statuses"),
        _count("attempts"),
        sa.Column("last_error", sa.Text(), nullable=True),
        _time("not_before"),
        _text("lease_owner", 255, nullable=True),
        _time("lease_expires"),
        _time("created_at", nullable=False),
        key="seq",
        indexes=("load_balancer_id",),
    )


def _observations() -> None:
    _create(
        "heartbeat",
        _id("amphora_id"),
        _id("load_balancer_id"),
        _time("received_at", nullable=False),
        _flag("busy"),
        key="amphora_id",
        indexes=("load_balancer_id",),
    )
    _create(
        "reason",
        _sequence(),
        _text("object_type", 32),
        _id("object_id"),
        _id("load_balancer_id"),
        _text("code", 64),
        sa.Column("user_text", sa.Text(), nullable=False),
        sa.Column("operator_text", sa.Text(), nullable=False),
        _id("job_id", nullable=True),
        _time("created_at", nullable=False),
        key="seq",
        indexes=("object_id", "load_balancer_id"),
    )
