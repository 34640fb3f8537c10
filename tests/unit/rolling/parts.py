"""A world whose workers run while somebody waits for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sriov_provider.capacity.model import BoundPort, Inside, Outside
from sriov_provider.capacity.totals import Totals, parse
from sriov_provider.db import holdings
from sriov_provider.rolling import errands
from sriov_provider.rolling.executor import Errand, Rolling
from sriov_provider.rolling.model import Outcome, Rules, Target
from tests.unit.worker.harness import World


class Heard:
    """Takes down what it is told.

    :ivar lines: each news once
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.counts: list[tuple[int, int]] = []
        self.outcomes: list[Outcome] = []

    def doing(self, done: int, total: int, target: Target, text: str, seconds: float) -> None:
        if self.lines[-1:] != [text]:
            self.lines.append(text)
        self.counts.append((done, total))

    def ended(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)


class Operator:
    """Runs errands in a world.

    :ivar nap: what happens while it waits; by default the worker works
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.heard = Heard()
        self.woken: list[object] = []
        self.nap: Callable[[], object] = world.run_all
        self.naps = 0

    def roll(self, errand: Errand, rules: Rules) -> Rolling:
        return Rolling(
            self.world.sessions, errand, rules, self.heard, self.woken.append, self._sleep
        )

    def run(self, errand: Errand, **rules: Any) -> list[Outcome]:
        return list(self.roll(errand, Rules(**rules)).run())

    def drain(self, host: str, **rules: Any) -> list[Outcome]:
        return self.run(self.draining(host), **rules)

    def draining(self, host: str, policy: str | None = None) -> errands.Drain:
        return errands.Drain(self.world.sessions, host, self.survey, policy)

    def survey(self, stated: str = "physnet1:64") -> tuple[Inside, Outside, Totals]:
        cloud = self.world.cloud
        bound = [p for p in cloud.port_rows.values() if p.pci_slot]
        outside = Outside(
            ports=tuple(BoundPort(p.id, p.host or "", "physnet1") for p in bound),
            physnets=dict.fromkeys(cloud.networks, "physnet1"),
            mapped=dict.fromkeys(cloud.hosts, frozenset({"physnet1"})),
            hosts_down={h.name: "it is disabled" for h in cloud.hosts.values() if not h.enabled},
        )
        return self.world.sessions.read(holdings.read), outside, parse([stated])

    def _sleep(self, seconds: float) -> None:
        self.naps += 1
        assert self.naps < 500, "waits for ever"
        self.nap()
