"""What a piece of work costs: processor time here and in the database server, statements."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import event


@dataclasses.dataclass
class Cost:
    """Filled in at the end of the block.

    :ivar cpu: seconds of this process
    :ivar database: seconds of the database server's processor time
    """

    wall: float = 0.0
    cpu: float = 0.0
    database: float = 0.0
    statements: int = 0

    def __add__(self, other: Cost) -> Cost:
        mine, others = dataclasses.astuple(self), dataclasses.astuple(other)
        return Cost(*(a + b for a, b in zip(mine, others, strict=True)))


class Meter:
    """One per database server; counts the statements of all engines."""

    def __init__(self, url: str) -> None:
        engine = sa.create_engine(url)
        with engine.connect() as connection:
            pid = connection.exec_driver_sql("SELECT @@pid_file, @@datadir").one()
        engine.dispose()
        self._pid = int(Path(pid[1], pid[0]).read_text())
        self._statements = 0
        event.listen(sa.Engine, "before_cursor_execute", self._count)

    def _count(self, *_: object) -> None:
        self._statements += 1

    @contextlib.contextmanager
    def measured(self) -> Iterator[Cost]:
        """The cost of the block."""
        cost, before, database = Cost(), self._statements, _cpu(self._pid)
        wall, spent = time.perf_counter(), time.process_time()
        yield cost
        cost.cpu, cost.wall = time.process_time() - spent, time.perf_counter() - wall
        cost.database = _cpu(self._pid) - database
        cost.statements = self._statements - before


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:13]) / os.sysconf("SC_CLK_TCK")
