"""Why a heartbeat is not taken."""

from __future__ import annotations

import enum


class Why(str, enum.Enum):
    """As counted; see the administrator's guide."""

    SIGNATURE = "signature"
    OVERSIZED = "oversized"
    MALFORMED = "malformed"
    VERSION = "version"
    UNKNOWN = "unknown-amphora"
    REPLAY = "replay"
    OVERLOAD = "overload"


class RefusedError(Exception):
    """:ivar why: the kind; what was sent is not kept, anybody can send anything"""

    def __init__(self, why: Why) -> None:
        super().__init__(why.value)
        self.why = why
