from __future__ import annotations

import threading

import pytest

from sriov_provider.deadline import Deadline


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_all_requests_share_the_time() -> None:
    clock = Clock()
    deadline = Deadline(clock)
    assert deadline.left() is None
    with deadline.within(2.0):
        clock.now += 0.5
        assert deadline.left() == 1.5
        clock.now += 2
        assert deadline.left() == -0.5
    assert deadline.left() is None


def test_it_ends_with_the_block_however_that_ends() -> None:
    deadline = Deadline(Clock())
    with pytest.raises(RuntimeError), deadline.within(1):
        raise RuntimeError
    assert deadline.left() is None


def test_every_thread_has_its_own() -> None:
    deadline = Deadline(Clock())
    seen: list[float | None] = []
    with deadline.within(1):
        thread = threading.Thread(target=lambda: seen.append(deadline.left()))
        thread.start()
        thread.join()
        assert deadline.left() == 1
    assert seen == [None]
