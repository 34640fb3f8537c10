"""Whether the kernel keeps track of connections in a namespace."""

from __future__ import annotations

import re
from pathlib import Path

from tests.functional import netns

_COUNT = Path("/proc/sys/net/netfilter/nf_conntrack_count")


def tracked(space: netns.Namespace) -> int:
    """Connections on record there; none where the kernel cannot do it."""
    # The kernel shows each thread the file of the namespace it is in.
    return space.inside(lambda: int(_COUNT.read_text()) if _COUNT.exists() else 0)


def assert_nothing_is_tracked(space: netns.Namespace) -> None:
    """No connection is on record, and no rule could put one there."""
    assert not re.search(r"\bct\b", space.nft("list", "ruleset"))
    assert tracked(space) == 0
