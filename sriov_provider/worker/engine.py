"""Runs a flow with TaskFlow and gives back the first cause of a failure."""

from __future__ import annotations

import logging
from concurrent.futures import Executor

from taskflow import engines
from taskflow import exceptions as tf_exceptions
from taskflow import flow as base_flow

from sriov_provider.errors import Code, ProviderError

LOG = logging.getLogger(__name__)


def run(flow: base_flow.Flow, executor: Executor) -> None:
    """Run to the end, or revert.

    :param executor: threads for the tasks, shared by all runs of a worker
    :raises ProviderError: the reason of the first task that failed
    """
    if not len(flow):
        return
    engine = engines.load(flow, engine="parallel", executor=executor)
    try:
        engine.run()
    except ProviderError:
        raise
    except tf_exceptions.WrappedFailure as wrapped:
        raise _cause(list(wrapped)) from wrapped


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
