"""Index what is looked for again and again, so that no look reads every row.

Looks at firewalls are found by their rows alone: amphorae that have none get one.
"""

from __future__ import annotations

import datetime
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

INDEXES = (
    ("amphora", "state"),
    ("amphora", "certificate_expires"),
    ("job", "finished_at"),
    ("heartbeat", "received_at"),
    ("firewall_check", "due_at"),
)


def upgrade() -> None:
    for table, column in INDEXES:
        op.create_index(f"ix_{table}_{column}", table, [column])
    _expect_looks()


def downgrade() -> None:
    for table, column in INDEXES:
        op.drop_index(f"ix_{table}_{column}", table)


def _expect_looks() -> None:
    amphora = sa.table("amphora", sa.column("id"))
    check = sa.table("firewall_check", sa.column("amphora_id"), sa.column("due_at", _time()))
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    lacking = sa.select(amphora.c.id, sa.literal(now, _time())).where(
        ~sa.exists().where(check.c.amphora_id == amphora.c.id)
    )
    op.execute(sa.insert(check).from_select(["amphora_id", "due_at"], lacking))


def _time() -> Any:
    return sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
