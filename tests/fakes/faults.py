"""Fault injection and the call log that all fakes share.

::

    cloud.fail("attach_port", no_vf("host-1 has no free VF"))           # once
    cloud.fail("create_server", timeout("no answer"), after=True)       # done, then times out
    cloud.fail("port", lambda port_id: cloud_error("503"), times=3)     # decided per call
    cloud.fail("delete_port", server_error, times=None)                 # for ever
"""

from __future__ import annotations

import collections
import dataclasses
import functools
import threading
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S", bound="Faults")
Error = BaseException | Callable[..., BaseException | None]


@dataclasses.dataclass(frozen=True)
class Call:
    """One call as it arrived, whether it then failed or not."""

    verb: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


@dataclasses.dataclass
class _Fault:
    error: Error
    times: int | None
    after: bool

    def next_error(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> BaseException | None:
        """The error of this call, or None; a callable that answers None uses nothing up."""
        if self.times == 0:
            return None
        error = self.error if isinstance(self.error, BaseException) else self.error(*args, **kwargs)
        if error is not None and self.times is not None:
            self.times -= 1
        return error


class Faults:
    """Base of the fakes.

    :ivar log: every call of a verb, in order
    :ivar observers: called as ``observer(verb, "before" | "after")`` around each verb; may raise,
        for example to kill a worker between two calls
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.log: list[Call] = []
        self.observers: list[Callable[[str, str], None]] = []
        self._faults: dict[str, list[_Fault]] = collections.defaultdict(list)

    def fail(self, verb: str, error: Error, *, times: int | None = 1, after: bool = False) -> None:
        """Make the next ``times`` calls of a verb fail.

        :param error: raised; or a callable that gets the call's arguments and answers an
            exception, or None to let this call pass
        :param times: None for every call from now on
        :param after: carry the call out first, then raise (a timeout after success)
        """
        if not hasattr(self, verb):
            raise AttributeError(f"{type(self).__name__} has no verb {verb}")
        with self.lock:
            self._faults[verb].append(_Fault(error, times, after))

    def heal(self) -> None:
        """Forget all faults that have not happened yet."""
        with self.lock:
            self._faults.clear()

    def count(self, *verbs: str) -> int:
        """Calls of these verbs; of all verbs when none is named."""
        with self.lock:
            return sum(1 for call in self.log if not verbs or call.verb in verbs)

    def counts(self) -> dict[str, int]:
        """Calls per verb."""
        with self.lock:
            return dict(collections.Counter(call.verb for call in self.log))

    def _enter(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        with self.lock:
            self.log.append(Call(name, args, kwargs))
            self._raise_if(name, False, args, kwargs)

    def _raise_if(
        self, name: str, after: bool, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        for fault in self._faults[name]:
            if fault.after is after and (error := fault.next_error(args, kwargs)) is not None:
                raise error

    def _observe(self, name: str, when: str) -> None:
        for observer in tuple(self.observers):
            observer(name, when)


def verb(
    method: Callable[Concatenate[S, P], R],
) -> Callable[Concatenate[S, P], R]:
    """Log the call, let injected faults happen, run one call at a time."""
    name = method.__name__

    @functools.wraps(method)
    def wrapped(self: S, *args: P.args, **kwargs: P.kwargs) -> R:
        self._observe(name, "before")
        self._enter(name, args, kwargs)
        with self.lock:
            answer = method(self, *args, **kwargs)
            self._raise_if(name, True, args, kwargs)
        self._observe(name, "after")
        return answer

    return wrapped  # type: ignore[return-value]
