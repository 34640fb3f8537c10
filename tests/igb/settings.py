"""Where things are kept, how long things may take, what the environment says."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RULE = "!" * 88


class Unavailable(Exception):
    """The guest cannot be had on this machine; the message says why."""


@dataclass(frozen=True)
class Settings:
    """:ivar cache: what is kept between runs
    :ivar accel: ``kvm`` or ``tcg``; empty: the better one that works
    :ivar limit: seconds after which the guest is ended, whatever it does
    :ivar cycles: how often the port driver plugs; with 168 it is killed thrice at each step
    :ivar optional: it is no failure when the guest cannot be had
    """

    cache: Path
    accel: str
    limit: float
    cycles: int
    optional: bool


def from_environment(env: Mapping[str, str] = os.environ) -> Settings:
    """What ``SRIOV_IGB_*`` says."""
    cycles = int(env.get("SRIOV_IGB_CYCLES", "8"))
    caches = Path(env.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Settings(
        cache=Path(env.get("SRIOV_IGB_DIR") or caches / "octavia-sriov-provider" / "igb"),
        accel=env.get("SRIOV_IGB_ACCEL", ""),
        limit=float(env.get("SRIOV_IGB_LIMIT", 1200 + 15 * cycles)),
        cycles=cycles,
        optional=env.get("SRIOV_IGB_OPTIONAL", "") not in ("", "0"),
    )
