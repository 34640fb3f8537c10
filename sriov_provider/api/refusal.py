"""The exceptions Octavia understands, with both sentences filled in."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from octavia_lib.api.drivers import exceptions

from sriov_provider.errors import ProviderError


def unsupported(user: str, operator: str | None = None) -> exceptions.UnsupportedOptionError:
    """A request that is refused.

    :param user: one sentence that names the value and what is allowed
    :param operator: the same, unless the log should say more
    """
    return exceptions.UnsupportedOptionError(
        user_fault_string=user, operator_fault_string=operator or user
    )


def failed(user: str, operator: str) -> exceptions.DriverError:
    """A request that cannot be taken now."""
    return exceptions.DriverError(user_fault_string=user, operator_fault_string=operator)


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Turn the provider's own failures into Octavia's."""
    try:
        yield
    except ProviderError as error:
        raise failed(error.reason.user, error.reason.operator) from error
