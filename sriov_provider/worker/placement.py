"""How a new amphora gets its ports, and what is tried when a host has no VF. Pure.

A hot-plug claims a PCI device on the host the server already runs on, and Nova never moves the
server for it. Only a boot with the port lets Nova's scheduler look for a host that has one, so that
is what follows a hot-plug in vain.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping

from sriov_provider import vnic
from sriov_provider.worker import desired

BOOT = "boot"


class Way(str, enum.Enum):
    """Which ports the server is booted with; all others are plugged into it."""

    HOTPLUG = "none"
    BOOT_ALL = "all"
    BOOT_VIP = "vip"


def ways(
    flavor: Mapping[str, object], members: Collection[str], *, hotplug: bool = True
) -> tuple[Way, ...]:
    """What is tried, one after the other, until every port has its VF.

    The last way leaves the members' ports to a hot-plug each: a load balancer does not fail
    because one of its members cannot be had.

    :param members: kinds of the member ports the amphora needs
    :param hotplug: whether running amphorae can be given ports at all
    """
    if not hotplug:
        return (Way.BOOT_ALL,)
    kinds = {desired.vip_kind(flavor), *members}
    boot = flavor.get("vip_attach") == BOOT or any(vnic.KINDS[k].boot_only for k in kinds)
    first = Way.BOOT_ALL if boot else Way.HOTPLUG
    if not any(vnic.KINDS[k].takes_vf for k in kinds):
        return (first,)
    tried = (Way.BOOT_ALL,) if boot else (Way.HOTPLUG, Way.BOOT_ALL)
    later = any(vnic.KINDS[k].takes_vf for k in members)
    later = later and not any(vnic.KINDS[k].boot_only for k in members)
    return (*tried, Way.BOOT_VIP) if later else tried
