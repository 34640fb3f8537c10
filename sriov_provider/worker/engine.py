"""Runs a flow with TaskFlow and gives back the first cause of a failure."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from typing import Any

from taskflow import engines, states
from taskflow import exceptions as tf_exceptions
from taskflow import flow as base_flow
from taskflow.listeners import timing

from sriov_provider.errors import Code, ProviderError

LOG = logging.getLogger(__name__)


def run(
    flow: base_flow.Flow,
    executor: Executor | None = None,
    failed: Callable[[], None] | None = None,
) -> None:
    """Run to the end, or revert.

    :param executor: threads for the tasks, shared by all runs of a worker; None: one task after
        the other in this thread
    :param failed: called when a task has failed; what runs beside it is waited for before all of it
        is reverted
    :raises ProviderError: the reason of the first task that failed
    """
    if not len(flow):
        return
    kind = {"engine": "parallel", "executor": executor} if executor else {"engine": "serial"}
    engine = engines.load(flow, **kind)
    if failed is not None:
        engine.atom_notifier.register(states.FAILURE, lambda *_, **__: failed())
    try:
        with _timed(engine):
            engine.run()
    except ProviderError:
        raise
    except tf_exceptions.WrappedFailure as wrapped:
        raise _cause(list(wrapped)) from wrapped


@contextlib.contextmanager
def _timed(engine: Any) -> Iterator[None]:
    """With ``debug`` the log tells when each task began and how long it took."""
    if not LOG.isEnabledFor(logging.DEBUG):
        yield
        return
    with timing.PrintingDurationListener(engine, printer=LOG.debug):
        yield


def _cause(failures: list[object]) -> ProviderError:
    errors = [getattr(f, "exception", None) for f in failures]
    known = [e for e in errors if isinstance(e, ProviderError)]
    if known:
        return known[0]
    return internal(next((e for e in errors if e is not None), None))


def internal(error: BaseException | None) -> ProviderError:
    """A defect of ours, as a reason."""
    return ProviderError(
        Code.INTERNAL,
        "The operation failed because of an internal error.",
        f"Unexpected {type(error).__name__}: {error}",
    )
