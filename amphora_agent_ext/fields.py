"""Takes JSON values apart, and says where one is wrong. Pure.

Does by hand what a JSON schema validator does: a rule document may have a hundred thousand values,
for which that takes seconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from amphora_agent_ext.errors import DocumentError

T = TypeVar("T")
Path = tuple[str | int, ...]

LONGEST = 64
_MAC = re.compile(r"([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}")
_NAMES = {dict: "object", list: "array", str: "string", bool: "boolean"}


def wrong(path: Path, reason: str) -> DocumentError:
    """To be raised."""
    return DocumentError("/".join(map(str, path)), reason[:300])


def mapping(value: Any, path: Path, schema: Mapping[str, Any]) -> Any:
    """The object itself, with all required keys of the schema and no others than its own."""
    _typed(value, path, dict)
    for key in schema["required"]:
        if key not in value:
            raise wrong(path, f"{key!r} is a required property")
    for key in value:
        if key not in schema["properties"]:
            raise wrong(path, f"{_shown(key)} was unexpected")
    return value


def each(value: Any, path: Path, convert: Callable[[Any, Path], T]) -> tuple[T, ...]:
    """The converted items of an array."""
    items = _typed(value, path, list)
    return tuple(convert(item, (*path, index)) for index, item in enumerate(items))


def texts(value: Any, path: Path, convert: Callable[[str], T]) -> tuple[T, ...]:
    """The converted strings of an array, of which there may be many.

    :param convert: raises ValueError
    """
    found: list[T] = []
    try:
        for item in _typed(value, path, list):
            if type(item) is not str or len(item) > LONGEST:
                raise ValueError(_not_short(item))
            found.append(convert(item))
    except ValueError as error:
        raise _located(error, (*path, len(found))) from error
    return tuple(found)


def text(value: Any, path: Path, convert: Callable[[str], T]) -> T:
    """A converted string."""
    try:
        if type(value) is not str or not 0 < len(value) <= LONGEST:
            raise ValueError(_not_short(value))
        return convert(value)
    except ValueError as error:
        raise _located(error, path) from error


def mac(value: Any, path: Path) -> str:
    if not _MAC.fullmatch(_typed(value, path, str)):
        raise wrong(path, f"{_shown(value)} does not match {_MAC.pattern!r}")
    return str(value).lower()


def boolean(value: Any, path: Path) -> bool:
    return bool(_typed(value, path, bool))


def number(value: Any, path: Path, least: int, most: int) -> int:
    """An integer; JSON knows no difference between 80 and 80.0."""
    whole = type(value) is int or (type(value) is float and value.is_integer())
    if not whole:
        raise wrong(path, f"{_shown(value)} is not of type 'integer'")
    if not least <= value <= most:
        bound = (
            f"less than the minimum of {least}"
            if value < least
            else (f"greater than the maximum of {most}")
        )
        raise wrong(path, f"{_shown(value)} is {bound}")
    return int(value)


def one_of(value: Any, path: Path, known: Mapping[str, T]) -> T:
    if type(value) is not str or value not in known:
        raise wrong(path, f"{_shown(value)} is not one of {list(known)}")
    return known[value]


def _located(error: ValueError, path: Path) -> DocumentError:
    return error if isinstance(error, DocumentError) else wrong(path, str(error))


def _typed(value: Any, path: Path, kind: type[T]) -> T:
    if type(value) is not kind:
        raise wrong(path, f"{_shown(value)} is not of type {_NAMES[kind]!r}")
    return value


def _not_short(value: Any) -> str:
    if type(value) is not str:
        return f"{_shown(value)} is not of type 'string'"
    return f"{_shown(value)} does not have 1 to {LONGEST} characters"


def _shown(value: Any) -> str:
    """A value in a message: of what has parts only their number, they may be nested deeply."""
    if isinstance(value, dict | list):
        return f"An {_NAMES[type(value)]} of {len(value)}"
    shown = repr(value)
    return shown if len(shown) <= 100 else f"{shown[:100]}…"
