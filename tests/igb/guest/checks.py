"""What is checked, in this order: name, module and function, seconds it may take."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """:ivar function: ``MODULE:FUNCTION`` beside this module; takes the ground it stands on
    :ivar limit: seconds
    :ivar guest: which one; each has cards of its own, and they run side by side
    :ivar for_each: as many more for each cycle that was asked for
    """

    name: str
    function: str
    limit: float = 300.0
    for_each: float = 0.0
    guest: str = "cards"


CHECKS = (
    Check("VFs of one card and of two reach each other", "wire:reach"),
    Check("segments are isolated from each other", "wire:vlans"),
    Check("a VF's life: plugged as its port says, unplugged as it was", "cycle:life"),
    Check("what an operator set of a VF is restored", "cycle:settings"),
    Check("a VF whose namespace ended is restored", "cycle:lost_namespace"),
    Check("an inhabitant's change of MAC address is refused", "cycle:refused_mac"),
    Check("TCP listener: firewall, haproxy and traffic", "balancing:tcp"),
    Check("UDP listener: firewall, LVS and traffic", "balancing:udp"),
    Check("SCTP listener: firewall, LVS and traffic", "balancing:sctp"),
    Check("a VIP moves between VFs of two cards", "pair:moves"),
    Check("the port driver killed in the middle of its steps", "cycle:kills", for_each=15.0),
    Check("an amphora of the local compute driver", "whole:life", 900.0, guest="amphora"),
)


def guests(wanted: Collection[str]) -> dict[str, list[str]]:
    """Names of guests, each with the names of what it checks; pure.

    :param wanted: names of checks
    """
    found: dict[str, list[str]] = {}
    for check in CHECKS:
        if check.name in wanted:
            found.setdefault(check.guest, []).append(check.name)
    return found
