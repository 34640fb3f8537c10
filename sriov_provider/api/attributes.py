"""Reading octavia-lib data models whatever their shape.

An object of the API process has attributes, what comes from the driver-agent is nested dicts, and
what is missing may be ``Unset``, ``None`` or simply not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from octavia_lib.api.drivers import data_models


def get(item: Any, name: str, default: Any = None) -> Any:
    """The attribute or key ``name``; ``default`` when it is missing, ``Unset`` or ``None``."""
    value = item.get(name) if isinstance(item, Mapping) else getattr(item, name, None)
    return default if value is None or isinstance(value, data_models.UnsetType) else value


def items(item: Any, name: str) -> tuple[Any, ...]:
    """The list ``name`` without holes; empty when there is none."""
    return tuple(i for i in get(item, name, ()) if i is not None)


def given(item: Any) -> dict[str, Any]:
    """What was set, with ``None`` kept (a reset to the default) and ``Unset`` left out."""
    pairs = item.items() if isinstance(item, Mapping) else vars(item).items()
    return {k: v for k, v in pairs if not isinstance(v, data_models.UnsetType)}


def text(value: Any) -> str:
    """Certificates and keys are bytes in one process and text in another."""
    return value.decode() if isinstance(value, bytes) else str(value)
