"""The workers' housekeeping, as a test wants it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from sriov_provider.db import chores, models
from sriov_provider.db.engine import Sessions
from sriov_provider.db.types import utcnow
from tests.demo.conf.common import ini
from tests.demo.report import wait_for
from tests.demo.settings import Settings, database_url
from tests.matrix.outages import restart_driver_agent


class Upkeep:
    """What came of the chores of this cloud's workers."""

    def __init__(self) -> None:
        self.sessions = Sessions(database_url("sriov_provider"))

    def forget(self) -> None:
        """As if nothing had ever been done: all is due."""
        self.sessions.run(lambda session: session.execute(sa.delete(models.Chore)))

    def done(self, name: str, seconds: float = 30.0) -> Mapping[str, Any]:
        """Waits until a chore that begins later has ended; what it has found."""
        looked = self._looks(name, utcnow(), seconds)
        return self._looks(name, looked.ended_at, seconds).found

    def _looks(self, name: str, after: Any, seconds: float) -> chores.Result:
        def probe() -> chores.Result | None:
            found = self.sessions.read(chores.results).get(name)
            return found if found and found.ended_at > after else None

        made: chores.Result = wait_for(f"housekeeping of {name}", probe, seconds, 0.3)
        return made


@contextmanager
def upkeep(settings: Settings, **options: object) -> Iterator[Upkeep]:
    """The worker in the driver-agent has further options of ours meanwhile."""
    more = settings.etc / "octavia/upkeep.conf"
    more.write_text(ini({"sriov_provider": options}))
    made = Upkeep()
    made.forget()
    restart_driver_agent(str(more))
    try:
        yield made
    finally:
        restart_driver_agent()
        made.sessions.dispose()
