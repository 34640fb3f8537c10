"""Plug and unplug, again and again, with the worker killed in the middle of every step of it.

``python -m tests.functional.portdriver.cycles --pf NAME --cycles N`` does it with the VFs of a PF
of this machine (as root; all of them have to be free), ``--standin`` with stand-ins, ``--made-up``
with neither. It needs pyroute2 (and libnftables for stand-ins), nothing else. Ends with 1 unless
everything is as it was after every single cycle.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from sriov_provider.portdriver.host import HostPorts
from tests.functional.portdriver.killing import Steps, counted, in_child, synced
from tests.functional.portdriver.stages import MadeUp, Stage, Standins, Vfs

KILLS_PER_STEP = 3
_SETTLE = 15.0  # seconds a namespace that was dropped may take to end


@dataclasses.dataclass(frozen=True)
class Kill:
    """:ivar verb: ``plug`` or ``unplug``
    :ivar step: number of the change, and its name
    """

    verb: str
    step: int
    name: str
    after: bool


@dataclasses.dataclass(frozen=True)
class Outcome:
    """:ivar kills: how many there were at each step"""

    stage: str
    cycles: int
    seconds: float
    kills: dict[str, int]
    before: dict[str, Any]
    after: dict[str, Any]


class Cycles:
    """:param stage: where"""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        # The first port of all: what a first time makes and keeps (a lock file) is no leftover.
        self._host().reconcile(())
        self.before = stage.state()

    def run(self, cycles: int, told: Callable[[str], object] = lambda text: None) -> Outcome:
        """:param told: hears every 50 cycles how far it is
        :raises AssertionError: at the first cycle that leaves anything
        """
        began = time.monotonic()
        seen: collections.Counter[str] = collections.Counter()
        plan = self._plan()
        for number in range(cycles):
            kill = due(plan, number, cycles)
            if kill is not None:
                when = "after" if kill.after else "before"
                seen[f"{kill.verb} {kill.step:02} {when} {kill.name}"] += 1
            self._cycle(number, kill)
            self._as_before(f"cycle {number}, {kill}")
            if number % 50 == 49:
                told(f"{number + 1} cycles in {time.monotonic() - began:.0f} s")
        spent = time.monotonic() - began
        after = self._stage.state()
        return Outcome(self._stage.name, cycles, spent, dict(seen), self.before, after)

    def _plan(self) -> list[Kill]:
        """A kill before and after each change that a plug and an unplug make."""
        space = self._stage.add_namespace()
        plug, unplug = Steps(), Steps()
        port = self._stage.port(0)
        with synced(plug):
            self._plug(port, space, plug)
        with synced(unplug):
            self._host(unplug).unplug(port["id"])
        self._stage.drop_namespace(space)
        self._as_before("the first of all")
        return list(_interleaved(plug.names, unplug.names))

    def _cycle(self, number: int, kill: Kill | None) -> None:
        space = self._stage.add_namespace()
        port = self._stage.port(number + 1)
        if kill is not None and kill.verb == "plug":
            self._killed(kill, lambda steps: self._plug(port, space, steps))
            self._recover(number, port, space)
        else:
            self._plug(port, space)
        self._check(port, space)
        if kill is not None and kill.verb == "unplug":
            self._killed(kill, lambda steps: self._host(steps).unplug(port["id"]))
        self._leave(number, port, space)

    def _recover(self, number: int, port: dict[str, Any], space: str) -> None:
        """As a worker does that comes after the one that died: by three ways."""
        if number % 3:
            wanted = [port["id"]] if number % 3 == 1 else []
            report = self._host().reconcile(wanted)
            assert not report.foreign, report
            if not wanted:
                self._as_before(f"cycle {number}, reconciled")
        self._plug(port, space)

    def _leave(self, number: int, port: dict[str, Any], space: str) -> None:
        """By unplugging, or by reconciling; now and then the namespace ends first."""
        if number % 5 == 4:
            self._stage.drop_namespace(space)
        if number % 2:
            report = self._host().reconcile(())
            assert not report.foreign, report
        else:
            self._host().unplug(port["id"])
            self._host().unplug(port["id"])
        if number % 5 != 4:
            self._stage.drop_namespace(space)

    def _check(self, port: dict[str, Any], space: str) -> None:
        """The port is in its namespace, down, with its own address, and told of."""
        (plugged,) = self._host().plugged()
        assert (plugged.port_id, plugged.namespace) == (port["id"], space)
        links = self._stage.machine().links.all(space)
        (link,) = [x for x in links if x.name == "vip0"]
        assert (link.mac, link.mtu, link.up) == (port["mac_address"], 1400, False), link

    def _plug(self, port: dict[str, Any], space: str, steps: Steps | None = None) -> None:
        self._host(steps).plug(port, [], self._stage.network(), space, "vip0")

    def _host(self, steps: Steps | None = None) -> HostPorts:
        machine = self._stage.machine()
        return HostPorts(
            self._stage.settings, counted(machine, steps) if steps is not None else machine
        )

    def _killed(self, kill: Kill, work: Callable[[Steps], object]) -> None:
        steps = Steps(kill.step, kill.after)

        def dying() -> None:
            with synced(steps):
                work(steps)

        assert not in_child(dying), f"{kill} did not happen"

    def _as_before(self, what: str) -> None:
        deadline = time.monotonic() + _SETTLE
        while (now := self._stage.state()) != self.before:
            assert time.monotonic() < deadline, f"{what}\nbefore {self.before}\nnow {now}"
            time.sleep(0.05)


def due(plan: Sequence[Kill], number: int, cycles: int) -> Kill | None:
    """The kill of a cycle: some of all steps where there are few cycles; else all of them, three
    times, and then cycles that nobody disturbs."""
    if cycles < len(plan):
        return plan[number * len(plan) // cycles]
    return plan[number % len(plan)] if number < len(plan) * KILLS_PER_STEP else None


def _interleaved(plug: list[str], unplug: list[str]) -> Iterator[Kill]:
    for step in range(max(len(plug), len(unplug))):
        for verb, names in (("plug", plug), ("unplug", unplug)):
            if step < len(names):
                for after in (False, True):
                    yield Kill(verb, step, names[step], after)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pf", help="the PF whose VFs to use")
    parser.add_argument("--vlan", type=int, default=0)
    parser.add_argument("--standin", action="store_true")
    parser.add_argument("--made-up", action="store_true")
    parser.add_argument("--cycles", type=int, default=60)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        where = Path(directory)
        stage: Stage
        if asked.pf:
            stage = Vfs(asked.pf, where / "claims", asked.vlan)
        else:
            stage = Standins(where / "claims") if asked.standin else MadeUp(where)
        outcome = Cycles(stage).run(asked.cycles, lambda text: print(text, flush=True))
    _tell(outcome)
    return 0 if outcome.before == outcome.after else 1


def _tell(outcome: Outcome) -> None:
    print(f"{outcome.cycles} cycles on {outcome.stage}: {outcome.seconds:.0f} s")
    for where, count in outcome.kills.items():
        print(f"  killed {count} times: {where}")
    for what, state in outcome.before.items():
        same = "before == after" if outcome.after.get(what) == state else "CHANGED"
        print(f"  {what}: {same}: {state}")
    told = "state before == state after" if outcome.before == outcome.after else "state CHANGED"
    print(f"{sum(outcome.kills.values())} kills; {told}")


if __name__ == "__main__":
    sys.exit(main())
