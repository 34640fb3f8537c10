"""Share housekeeping among workers, and keep how the servers of amphorae were seen last."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "chore",
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("due_at", _time(), nullable=False),
        sa.Column("ended_at", _time(), nullable=True),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_chore"),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
    )
    op.create_table(
        "server",
        sa.Column("amphora_id", sa.String(36), nullable=False),
        sa.Column("compute_id", sa.String(36), nullable=False),
        sa.Column("image_id", sa.String(36), nullable=True),
        sa.Column("launched_at", sa.String(64), nullable=True),
        sa.Column("job_id", sa.String(36), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("not_before", _time(), nullable=True),
        sa.PrimaryKeyConstraint("amphora_id", name="pk_server"),
        sa.ForeignKeyConstraint(
            ["amphora_id"], ["amphora.id"], name="fk_server_amphora_id", ondelete="CASCADE"
        ),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
    )


def downgrade() -> None:
    op.drop_table("server")
    op.drop_table("chore")


def _time() -> Any:
    return sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
