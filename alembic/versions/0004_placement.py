"""What became of a port, and where a job looked for VFs in vain."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("port", sa.Column("vif_type", sa.String(64), nullable=True))
    op.add_column(
        "job", sa.Column("placement", sa.Integer(), nullable=False, server_default=sa.text("0"))
    )
    op.add_column("job", sa.Column("hosts_tried", sa.JSON(), nullable=True))


def downgrade() -> None:
    # Not in a batch: SQLite would make the table anew, with numbers that are given twice.
    op.drop_column("job", "hosts_tried")
    op.drop_column("job", "placement")
    op.drop_column("port", "vif_type")
