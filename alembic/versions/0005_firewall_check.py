"""Create the table of looks at amphorae's firewalls."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TABLE = "firewall_check"
NUMBERS = ("failures", "drifts", "vanished", "repairs", "repairs_failed")


def upgrade() -> None:
    time = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
    op.create_table(
        TABLE,
        sa.Column("amphora_id", sa.String(36), nullable=False),
        sa.Column("due_at", time, nullable=False),
        sa.Column("checked_at", time, nullable=True),
        sa.Column("missing", sa.JSON(), nullable=True),
        *(
            sa.Column(name, sa.Integer(), nullable=False, server_default=sa.text("0"))
            for name in NUMBERS
        ),
        sa.PrimaryKeyConstraint("amphora_id", name=f"pk_{TABLE}"),
        sa.ForeignKeyConstraint(
            ["amphora_id"], ["amphora.id"], name=f"fk_{TABLE}_amphora_id", ondelete="CASCADE"
        ),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
    )


def downgrade() -> None:
    op.drop_table(TABLE)
    # Earlier releases know no such jobs, and could read none beside them.
    job = sa.table("job", sa.column("action"))
    op.execute(sa.delete(job).where(job.c.action == "repair"))
