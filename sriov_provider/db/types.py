"""Column types that behave the same on SQLite, MariaDB/MySQL and PostgreSQL."""

from __future__ import annotations

import datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Integer
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

# SQLite only numbers rows by itself when the key is exactly INTEGER.
SEQUENCE = BigInteger().with_variant(Integer(), "sqlite")
# MySQL drops fractions of a second unless told otherwise.
_DATETIME = DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


class UtcDateTime(TypeDecorator[datetime.datetime]):
    """Aware datetimes in, aware UTC datetimes out; stored as UTC without a zone.

    :raises ValueError: on a datetime without a zone
    """

    impl = _DATETIME
    cache_ok = True

    def process_bind_param(self, value: datetime.datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("A datetime without a time zone cannot be stored")
        return value.astimezone(datetime.timezone.utc).replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime.datetime | None:
        if value is None:
            return None
        stored: datetime.datetime = value
        return stored.replace(tzinfo=datetime.timezone.utc)


def utcnow() -> datetime.datetime:
    """The present time, aware, in UTC."""
    return datetime.datetime.now(datetime.timezone.utc)
