"""Kills at every step of a VF's life, on a made-up card."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.functional.portdriver.cycles import Cycles, Kill, Outcome, due
from tests.functional.portdriver.stages import MadeUp

CYCLES = int(os.environ.get("SRIOV_TESTS_CYCLES", "60"))


@pytest.mark.timeout(1800)
def test_nothing_is_left_whenever_the_worker_is_killed(tmp_path: Path) -> None:
    outcome: Outcome = Cycles(MadeUp(tmp_path)).run(CYCLES)
    assert outcome.cycles == CYCLES
    assert outcome.after == outcome.before
    assert len(outcome.before) == 5, "four VFs and the claims"
    steps = {where.split(maxsplit=3)[3] for where in outcome.kills}
    wanted = {"links.move", "card.change", "claims.write", "claims.remove", "disk.fsync"}
    assert wanted <= steps or CYCLES < 56, "a kill before and after each step"


def test_kills_are_spread_over_the_steps_or_done_three_times() -> None:
    plan = [Kill("plug", number, "claims.write", after=False) for number in range(10)]
    assert [due(plan, n, 5) for n in range(5)] == plan[::2]
    assert [due(plan, n, 40) for n in range(40)] == [*plan * 3, *[None] * 10]


def test_a_leftover_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = MadeUp(tmp_path)
    cycles = Cycles(stage)
    monkeypatch.setattr("tests.functional.portdriver.cycles._SETTLE", 0.1)
    stage.machine().claims._directory.joinpath("leftover").touch()
    with pytest.raises(AssertionError, match="leftover"):
        cycles.run(1)


def test_a_kill_that_does_not_happen_is_noticed(tmp_path: Path) -> None:
    cycles = Cycles(MadeUp(tmp_path))
    with pytest.raises(AssertionError, match="did not happen"):
        cycles._killed(Kill("plug", 3, "card.change", after=False), lambda steps: None)
