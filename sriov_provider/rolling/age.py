"""Whether an amphora is of today. Pure."""

from __future__ import annotations

import re

# Of the agent's extension, as images built with this release have it.
AGENT_VERSION = "0.1.0"
_RELEASE = re.compile(r"\d+(\.\d+)*")


def why(image: str | None, newest: str, agent: str | None) -> str:
    """Why an amphora is older than one that would be built now; empty when it is not, as far as
    anybody knows.

    :param image: id of what its server was made of; None when nobody knows
    :param newest: id of what a server would be made of now
    :param agent: version its agent told; None when it does not matter
    """
    reasons = []
    if image is not None and image != newest:
        reasons.append(f"image {image}, now {newest}")
    if agent is not None and _older(agent, AGENT_VERSION):
        reasons.append(f"agent {agent}, now {AGENT_VERSION}")
    return "; ".join(reasons)


def _older(version: str, now: str) -> bool:
    """False for what is no version."""
    return _RELEASE.match(version) is not None and _numbers(version) < _numbers(now)


def _numbers(version: str) -> tuple[int, ...]:
    """What stands before anything but numbers: ``1.2rc1`` counts as ``1.2``."""
    found = _RELEASE.match(version)
    return tuple(int(number) for number in found[0].split(".")) if found else ()
