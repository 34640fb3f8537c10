"""What a check is, and how all of them are run: side by side, none waited for too long."""

from __future__ import annotations

import dataclasses
import enum
import threading
import time
from collections.abc import Callable, Collection, Iterable

from sriov_provider.errors import ProviderError

HIDDEN = "***"


class Verdict(str, enum.Enum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclasses.dataclass(frozen=True)
class Result:
    """:ivar detail: what was seen
    :ivar advice: what to do; empty when all is well
    """

    verdict: Verdict
    detail: str
    advice: str = ""


@dataclasses.dataclass(frozen=True)
class Check:
    """:ivar look: raises ``ProviderError`` or ``OSError`` when it fails
    :ivar advice: what to do when it raises, or does not come to an end
    """

    name: str
    look: Callable[[], Result]
    advice: str


def ok(detail: str) -> Result:
    return Result(Verdict.OK, detail)


def warn(detail: str, advice: str) -> Result:
    return Result(Verdict.WARN, detail, advice)


def fail(detail: str, advice: str) -> Result:
    return Result(Verdict.FAIL, detail, advice)


class _Run(threading.Thread):
    """A check in a thread of its own, which nobody waits for at the end of the process."""

    def __init__(self, check: Check) -> None:
        super().__init__(name=f"check-{check.name}", daemon=True)
        self.check = check
        self.result: Result | None = None

    def run(self) -> None:
        try:
            self.result = self.check.look()
        except ProviderError as error:
            self.result = fail(str(error.reason), self.check.advice)
        except OSError as error:
            self.result = fail(f"{type(error).__name__}: {error}", self.check.advice)

    def outcome(self, timeout: float) -> Result:
        """:param timeout: seconds that are left"""
        self.join(max(timeout, 0.0))
        if self.result is not None:
            return self.result
        if self.is_alive():
            return fail("no answer in time", self.check.advice)
        return fail("the check itself has failed", "see the error above, and report it")


def run(checks: Iterable[Check], timeout: float) -> tuple[tuple[str, Result], ...]:
    """Name and result of each, in their order.

    :param timeout: seconds for every check; they run at the same time
    """
    runs = [_Run(check) for check in checks]
    until = time.monotonic() + timeout
    for one in runs:
        one.start()
    return tuple((one.check.name, one.outcome(until - time.monotonic())) for one in runs)


def hide(text: str, secrets: Collection[str]) -> str:
    """The text without any of these; the longest first, as one may hold another."""
    for secret in sorted((s for s in secrets if s), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text
