"""Calls that a run makes only as long as the job is its own.

Each task asks for the lease before it begins. A worker that stands still within a task, as a
virtual machine that is moved does, goes on where it was: what it then made, the run that has the
job by now would not look for any more.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

T = TypeVar("T")


class _Fenced:
    """Looks like what is behind it."""

    def __init__(self, behind: object, check: Callable[[], None]) -> None:
        self._behind = behind
        self._check = check

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._behind, name)
        if not callable(found):
            return found

        @functools.wraps(found)
        def call(*args: Any, **kwargs: Any) -> Any:
            self._check()
            return found(*args, **kwargs)

        return call


def fenced(behind: T, check: Callable[[], None]) -> T:
    """A client of the same contract, each verb of which calls ``check`` first.

    :param check: raises LEASE_LOST once another worker may run the job
    """
    return cast(T, _Fenced(behind, check))
