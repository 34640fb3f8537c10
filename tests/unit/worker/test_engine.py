"""A flow of a job, run by TaskFlow."""

from __future__ import annotations

import contextlib
import logging
from concurrent.futures import ThreadPoolExecutor

import pytest
from taskflow import task
from taskflow.patterns import linear_flow

from sriov_provider.errors import Code, ProviderError
from sriov_provider.worker import engine


class Note(task.Task):  # type: ignore[misc]  # taskflow has no type hints
    """Notes that it was here, and whether it was taken back."""

    def __init__(self, name: str, notes: list[str], error: Exception | None = None) -> None:
        super().__init__(name=name)
        self.notes, self.error = notes, error

    def execute(self) -> None:
        self.notes.append(self.name)
        if self.error:
            raise self.error

    def revert(self, *_args: object, **_kwargs: object) -> None:
        self.notes.append(f"not {self.name}")


def flow(*tasks: Note) -> linear_flow.Flow:
    return linear_flow.Flow("flow").add(*tasks)


@pytest.mark.parametrize("threads", [0, 2])
def test_runs_in_threads_or_in_this_one(threads: int) -> None:
    notes: list[str] = []
    with ThreadPoolExecutor(threads or 1) as pool:
        engine.run(flow(Note("a", notes), Note("b", notes)), pool if threads else None)
    assert notes == ["a", "b"]


@pytest.mark.parametrize("threads", [0, 2])
def test_the_first_cause_is_raised_once_all_is_undone(threads: int) -> None:
    notes: list[str] = []
    cause = ProviderError(Code.QUOTA, "user", "operator")
    with ThreadPoolExecutor(threads or 1) as pool, pytest.raises(ProviderError) as caught:
        failing = flow(Note("a", notes), Note("b", notes, cause))
        engine.run(failing, pool if threads else None)
    assert caught.value is cause
    assert notes == ["a", "b", "not b", "not a"]


@pytest.mark.parametrize("error", [None, ProviderError(Code.QUOTA, "user", "operator")])
def test_who_works_beside_it_hears_of_a_failure_before_it_is_undone(
    error: ProviderError | None,
) -> None:
    notes: list[str] = []
    with contextlib.suppress(ProviderError):
        engine.run(flow(Note("a", notes, error)), failed=lambda: notes.append("failed"))
    assert notes == (["a", "failed", "not a"] if error else ["a"])


@pytest.mark.parametrize(("level", "told"), [(logging.DEBUG, True), (logging.INFO, False)])
def test_the_debug_log_tells_durations(
    caplog: pytest.LogCaptureFixture, level: int, told: bool
) -> None:
    caplog.set_level(level)
    engine.run(flow(Note("a", [])))
    assert any("task 'a'" in r.message and "seconds" in r.message for r in caplog.records) is told
