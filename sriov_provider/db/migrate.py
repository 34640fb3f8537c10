"""Schema migrations without an ``alembic.ini``.

The scripts are in ``sriov_provider/migrations`` of an installed package and in ``alembic/`` of a
source tree.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError

from sriov_provider.db.engine import create_engine
from sriov_provider.errors import Code, ProviderError

VERSION_TABLE = "sriov_alembic_version"


def scripts() -> Path:
    """The directory that holds ``env.py`` and ``versions/``.

    :raises ProviderError: CONFIGURATION when the package was built without it
    """
    here = Path(__file__).resolve()
    for candidate in (here.parents[1] / "migrations", here.parents[2] / "alembic"):
        if (candidate / "env.py").is_file():
            return candidate
    raise _failure(f"The migration scripts are missing beside {here.parents[1]}")


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the schema up to a revision.

    :param url: SQLAlchemy URL of the provider's database
    :raises ProviderError: CONFIGURATION when the revision or the database cannot be used
    """
    _migrate(url, lambda config: command.upgrade(config, revision))


def downgrade(url: str, revision: str) -> None:
    """Take the schema back to a revision (``base`` for an empty one, ``-1`` for one step).

    :raises ProviderError: CONFIGURATION when the revision or the database cannot be used
    """
    _migrate(url, lambda config: command.downgrade(config, revision))


def current(url: str) -> str | None:
    """The revision of the schema, or None for a database without our tables.

    :raises ProviderError: CONFIGURATION when the database cannot be used
    """
    revisions: list[str | None] = []

    def look(connection: sa.Connection) -> None:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        revisions.append(context.get_current_revision())

    _connected(url, look)
    return revisions[0]


def head() -> str | None:
    """The newest revision the installed code knows."""
    return ScriptDirectory(str(scripts())).get_current_head()


def _migrate(url: str, run: Callable[[Config], Any]) -> None:
    config = Config()
    config.set_main_option("script_location", str(scripts()).replace("%", "%%"))
    config.attributes["version_table"] = VERSION_TABLE

    def work(connection: sa.Connection) -> None:
        config.attributes["connection"] = connection
        run(config)

    _connected(url, work)


def _connected(url: str, work: Callable[[sa.Connection], None]) -> None:
    try:
        engine = create_engine(url, enforce_foreign_keys=False)
        try:
            with engine.begin() as connection:
                work(connection)
        finally:
            engine.dispose()
    except (CommandError, sa.exc.SQLAlchemyError) as error:
        raise _failure(str(error)) from error


def _failure(cause: str) -> ProviderError:
    return ProviderError(
        Code.CONFIGURATION,
        "The load balancing service is not set up.",
        f"The provider database cannot be migrated: {cause}",
    )
