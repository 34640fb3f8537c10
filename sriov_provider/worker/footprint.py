"""What keeps the memory of a worker process small."""

from __future__ import annotations

import ctypes
import os

_ARENA_MAX = -8  # M_ARENA_MAX of mallopt(3)
_ARENAS = 2


def without_greendns() -> None:
    """To be called before oslo.messaging is imported, which imports eventlet where it is installed.
    Nothing here is green: without dnspython it takes several MiB less."""
    os.environ.setdefault("EVENTLET_NO_GREENDNS", "yes")


def few_arenas() -> None:
    """To be called before threads start. glibc would make up to eight heaps per core for them, each
    with free memory that the others cannot use. A C library without such heaps has no such call."""
    if "MALLOC_ARENA_MAX" in os.environ:
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_ARENA_MAX, _ARENAS)
