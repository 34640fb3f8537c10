"""Every call to cloud and amphorae in order, and what shall happen at one of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from sriov_provider.compute.base import Compute
from sriov_provider.network.base import NetworkClient
from tests.fakes.amphora import FakeAmphora
from tests.fakes.cloud import FakeCloud
from tests.fakes.errors import Killed
from tests.fakes.faults import Faults
from tests.unit.worker.database import MortalSessions

NETWORK = frozenset(n for n in vars(NetworkClient) if not n.startswith("_"))
COMPUTE = frozenset(n for n in vars(Compute) if not n.startswith("_"))


@dataclasses.dataclass
class _Event:
    index: int
    when: str
    happen: Callable[[], BaseException]
    times: int


class Calls:
    """Watches the fakes; a call's index counts from the last :meth:`forget`."""

    def __init__(self, cloud: FakeCloud, amphora: FakeAmphora, sessions: MortalSessions) -> None:
        self._sessions = sessions
        self.log: list[str] = []
        self._event: _Event | None = None
        for fake in (cloud, amphora):
            self._watch(fake)

    def _watch(self, fake: Faults) -> None:
        fake.observers.append(self._observe)

    def _observe(self, verb: str, when: str) -> None:
        if self._sessions.dead:
            raise Killed
        if when == "before":
            self.log.append(verb)
        event = self._event
        if event and (len(self.log) - 1, when) == (event.index, event.when):
            self._event = None
            error = event.happen()
            self._sessions.dead = isinstance(error, Killed)
            raise error

    def forget(self) -> None:
        """Count from here; nothing shall happen."""
        self.log.clear()
        self._event = None

    def raise_at(self, index: int, when: str, error: Callable[[], BaseException]) -> None:
        """Raise at a call, ``before`` it is carried out or ``after``."""
        self._event = _Event(index, when, error, 1)

    def raise_at_from_now(self, index: int, when: str, error: Callable[[], BaseException]) -> None:
        """As :meth:`raise_at`, counting from here."""
        self.forget()
        self.raise_at(index, when, error)

    def kill_at(self, index: int, when: str) -> None:
        """End the worker there: it does nothing any more, not even tidy up."""
        self.raise_at(index, when, Killed)

    @property
    def network(self) -> list[str]:
        return [verb for verb in self.log if verb in NETWORK]

    @property
    def compute(self) -> list[str]:
        return [verb for verb in self.log if verb in COMPUTE]

    @property
    def amphora(self) -> list[str]:
        return [verb for verb in self.log if verb not in COMPUTE | NETWORK]
