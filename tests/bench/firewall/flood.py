"""Rounds of short bursts, every subject once per round."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import os
import random
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from amphora_agent_ext.apply import Firewall
from tests.bench.firewall import packets, stock
from tests.bench.firewall.cases import CASES, Case, Situation
from tests.bench.firewall.frames import Segment
from tests.bench.firewall.packets import AGAIN, NONE, OURS, STOCK, SUBJECTS
from tests.bench.firewall.sender import BURST
from tests.bench.firewall.world import Receiver, world

# Each pass takes all cases, so that every case gets its share of the machine's moods.
PASSES, ROUNDS = 20, 40
# Rounds that may be lost to other processes, for each one that counts.
_LOSS = 20
# Before a round, so that it has the processor for a while.
_REST = 0.0003


class NotMeasured(Exception):
    """Packets did not go where the case says, so that a time would mean nothing."""


class Stand:
    """All subjects with the rules of one situation.

    :param receivers: one for each of ``SUBJECTS``
    """

    def __init__(self, situation: Situation, receivers: Sequence[Receiver]) -> None:
        self.situation = situation
        self._receivers = receivers
        self._expected = [0] * len(receivers)
        _protect(dict(zip(SUBJECTS, receivers, strict=True)), situation)
        numbers = [receiver.shake(situation.connection) for receiver in receivers]
        self._bursts = {
            case: [
                receiver.burst(_numbered(situation, case, *pair))
                for receiver, pair in zip(receivers, numbers, strict=True)
            ]
            for case in CASES
        }
        self._times: dict[Case, list[list[float]]] = {
            case: [[] for _ in SUBJECTS] for case in CASES
        }

    def prove(self) -> None:
        """Each case lets in, or keeps out, what it says.

        :raises NotMeasured: it does not
        """
        for case in CASES:
            for n in range(len(SUBJECTS)):
                self._send(case, n)
            self.check(case.name)

    def check(self, what: str) -> None:
        """As many packets got in as should have, since the beginning.

        :raises NotMeasured: more or fewer
        """
        for subject, receiver, wanted in zip(
            SUBJECTS, self._receivers, self._expected, strict=True
        ):
            if (arrived := receiver.arrived()) != wanted:
                raise NotMeasured(f"{what}, {subject}: {arrived} packets got in, not {wanted}")

    def run(self, rounds: int, chance: random.Random) -> None:
        """So many rounds of every case.

        :raises NotMeasured: packets got lost
        """
        for case in CASES:
            for _ in range(len(SUBJECTS)):
                self._round(case, chance)  # warms up
            counted = tries = 0
            while counted < rounds:
                taken = self._round(case, chance)
                tries += 1
                if all(taken.values()):
                    counted += 1
                    for n, nanoseconds in taken.items():
                        self._times[case][n].append(nanoseconds)
                if tries > 100 + rounds * (1 + _LOSS):
                    raise NotMeasured("other processes left too little of the processor")

    def rows(self) -> Iterator[packets.Row]:
        """What was measured, by case."""
        for case, times in self._times.items():
            yield packets.row(self.situation, case, times)

    def _round(self, case: Case, chance: random.Random) -> dict[int, float]:
        time.sleep(_REST)
        order = chance.sample(range(len(SUBJECTS)), len(SUBJECTS))
        return {n: self._send(case, n) for n in order}

    def _send(self, case: Case, n: int) -> float:
        """Nanoseconds per packet, 0 when something else was done meanwhile, or not all."""
        receiver = self._receivers[n]
        if case.allowed or SUBJECTS[n] in (NONE, AGAIN):
            self._expected[n] += BURST
        goal = receiver.received() + BURST
        switches = _switches()
        taken = self._bursts[case][n].send(receiver.wire)
        undisturbed = switches == _switches()
        if receiver.received() == goal:
            return taken if undisturbed else 0.0
        time.sleep(0.05)
        if (received := receiver.received()) != goal:
            raise NotMeasured(f"{goal - received} of {BURST} packets never arrived")
        return 0.0


def measure(
    situations: Sequence[Situation], passes: int = PASSES, rounds: int = ROUNDS
) -> Iterator[packets.Row]:
    """All cases of all situations.

    :raises NotMeasured: a packet got in that may not, or the other way round, or got lost
    """
    chance = random.Random(1)
    with contextlib.ExitStack() as stack:
        stands = [Stand(s, stack.enter_context(world(len(SUBJECTS)))) for s in situations]
        with pinned():
            for stand in stands:
                stand.prove()
            for _ in range(passes):
                for stand in stands:
                    stand.run(rounds, chance)
        for stand in stands:
            stand.check("in the end")
            yield from stand.rows()


def _protect(receivers: dict[str, Receiver], situation: Situation) -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        theirs = stock.Firewall(receivers[STOCK].space.name, directory)
        theirs.boot()
        theirs.apply(stock.rules(situation.load_balancer))
        ours = Firewall(receivers[OURS].space.name, directory / "ours", directory / "plugged")
        ours.apply(situation.document)


def _numbered(situation: Situation, case: Case, seq: int, ack: int) -> list[Segment]:
    segments = situation.flood(case)
    if not case.established:
        return list(segments)
    return [dataclasses.replace(s, seq=seq, ack=ack, flood=True) for s in segments]


def _switches() -> int:
    """How often another process was given the processor."""
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nivcsw


@contextlib.contextmanager
def pinned() -> Iterator[None]:
    """Stay on one processor, and collect no garbage meanwhile."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        os.sched_setaffinity(0, allowed)
