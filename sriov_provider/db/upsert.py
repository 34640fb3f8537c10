"""Many rows in one statement: inserted, or changed where they are there already."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.orm import Session

# Columns of what is there, columns of what was to be inserted -> what shall be.
Change = Callable[[Any, Any], Any]

# What is added in one go, and up to where: sums of some rows still fit in 63 bits.
MOST = 2**58


def run(
    session: Session, model: Any, rows: Sequence[Mapping[str, Any]], changes: Mapping[str, Change]
) -> None:
    """:param rows: all with the same columns, in an order that is everybody's
    :param changes: by column. MySQL sets them in this order, each seeing those before it changed
    :raises sqlalchemy.exc.IntegrityError: a foreign key points nowhere (any more)
    """
    if not rows:
        return
    table, dialect = model.__table__, session.get_bind().dialect.name
    # Not values(rows): that would be compiled anew for every number of rows. The drivers make one
    # statement (PyMySQL) or one round trip (psycopg) of it.
    if dialect in ("mysql", "mariadb"):
        into = mysql.insert(table)
        to = [(name, change(table.c, into.inserted)) for name, change in changes.items()]
        session.connection().execute(into.on_duplicate_key_update(to), list(rows))
        return
    library: Any = sqlite if dialect == "sqlite" else postgresql
    insert = library.insert(table)
    keys = [column.name for column in table.primary_key]
    values = {name: change(table.c, insert.excluded) for name, change in changes.items()}
    query = insert.on_conflict_do_update(index_elements=keys, set_=values)
    session.connection().execute(query, list(rows))


def old(name: str) -> Change:
    """Leave the column as it is."""
    return lambda old, _given: old[name]


def new(name: str) -> Change:
    """Replace the column."""
    return lambda _old, given: given[name]


def add(name: str) -> Change:
    """Count the column up; it begins anew when there is no more room."""

    def change(old: Any, given: Any) -> Any:
        # A literal: PyMySQL would not make one statement of it with a parameter here.
        room = old[name] < sa.literal_column(str(MOST))
        return sa.case((room, old[name] + given[name]), else_=given[name])

    return change
