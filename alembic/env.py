"""Runs the migrations on the connection that :mod:`sriov_provider.db.migrate` hands over."""

from __future__ import annotations

from alembic import context

from sriov_provider.db.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=context.config.attributes["version_table"],
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
