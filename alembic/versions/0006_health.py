"""Record heartbeats, what they told and what Octavia was told of it.

Nothing has ever written the table of heartbeats before: it is made anew.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TOTALS = ("bytes_in", "bytes_out", "total_connections", "request_errors", "active_connections")


def upgrade() -> None:
    op.drop_table("heartbeat")
    _heartbeat()
    _health()
    _listener_statistics()


def downgrade() -> None:
    for table in ("listener_statistics", "health", "heartbeat"):
        op.drop_table(table)
    _create(
        "heartbeat",
        _id("amphora_id"),
        _id("load_balancer_id"),
        sa.Column("received_at", _time(), nullable=False),
        _flag("busy"),
        sa.PrimaryKeyConstraint("amphora_id", name="pk_heartbeat"),
    )
    op.create_index("ix_heartbeat_load_balancer_id", "heartbeat", ["load_balancer_id"])


def _heartbeat() -> None:
    _create(
        "heartbeat",
        _id("amphora_id"),
        _id("load_balancer_id"),
        sa.Column("received_at", _time(), nullable=False),
        _number("sequence"),
        sa.Column("fingerprint", sa.String(40), nullable=True),
        sa.PrimaryKeyConstraint("amphora_id", name="pk_heartbeat"),
        _parent("heartbeat", "amphora"),
    )
    op.create_index("ix_heartbeat_load_balancer_id", "heartbeat", ["load_balancer_id"])


def _health() -> None:
    _create(
        "health",
        _id("load_balancer_id"),
        sa.Column("expected", sa.JSON(), nullable=True),
        sa.Column("observed", sa.JSON(), nullable=True),
        sa.Column("reported", sa.JSON(), nullable=True),
        sa.Column("failovers", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.PrimaryKeyConstraint("load_balancer_id", name="pk_health"),
        _parent("health", "load_balancer"),
    )


def _listener_statistics() -> None:
    table = "listener_statistics"
    _create(
        table,
        _id("listener_id"),
        _id("amphora_id"),
        _id("load_balancer_id"),
        *(_number(name) for name in TOTALS),
        _flag("changed"),
        sa.Column("sender", sa.String(36), nullable=True),
        sa.Column("claimed_at", _time(), nullable=True),
        sa.PrimaryKeyConstraint("listener_id", "amphora_id", name=f"pk_{table}"),
        _parent(table, "load_balancer"),
    )
    for column in ("load_balancer_id", "changed", "sender"):
        op.create_index(f"ix_{table}_{column}", table, [column])


def _create(table: str, *columns: Any) -> None:
    op.create_table(table, *columns, mysql_engine="InnoDB", mysql_charset="utf8mb4")


def _parent(table: str, parent: str) -> sa.ForeignKeyConstraint:
    column = f"{parent}_id"
    return sa.ForeignKeyConstraint(
        [column], [f"{parent}.id"], name=f"fk_{table}_{column}", ondelete="CASCADE"
    )


def _id(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.String(36), nullable=False)


def _number(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger(), nullable=False, server_default=sa.text("0"))


def _flag(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false())


def _time() -> Any:
    return sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
