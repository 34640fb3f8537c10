"""What is checked, in this order: name, module and function, seconds it may take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """:ivar function: ``MODULE:FUNCTION`` beside this module; takes the ground it stands on
    :ivar limit: seconds
    """

    name: str
    function: str
    limit: float = 60.0


CHECKS = (Check("wire: VFs of one card and of two reach each other", "wire:reach"),)


def names() -> list[str]:
    return [check.name for check in CHECKS]
