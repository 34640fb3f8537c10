"""Remembers which certificate files this process has put on each amphora."""

from __future__ import annotations

import collections
import threading

# Amphorae remembered; the least recently configured is forgotten first.
LIMIT = 4096


class Memory:
    """File names only, never their content. The agent cannot list its certificates, and what is
    forgotten here merely stays on the amphora until that goes."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._names: collections.OrderedDict[str, frozenset[str]] = collections.OrderedDict()
        self._limit = limit
        self._lock = threading.Lock()

    def add(self, amphora_id: str, names: frozenset[str]) -> None:
        """Remember these names besides the ones remembered before."""
        with self._lock:
            self._keep(amphora_id, names | self._names.pop(amphora_id, frozenset()))

    def replace(self, amphora_id: str, names: frozenset[str]) -> frozenset[str]:
        """Remember these names instead.

        :return: the names remembered before
        """
        with self._lock:
            before = self._names.pop(amphora_id, frozenset())
            self._keep(amphora_id, names)
            return before

    def _keep(self, amphora_id: str, names: frozenset[str]) -> None:
        if names:
            self._names[amphora_id] = names
        while len(self._names) > self._limit:
            self._names.popitem(last=False)
