"""Settings of the port driver, ``[port_driver]``; part of :mod:`sriov_provider.config`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from oslo_config import cfg

from sriov_provider.errors import Code, ProviderError
from sriov_provider.portdriver.base import Settings

GROUP = "port_driver"
OPTS = (
    cfg.ListOpt(
        "physical_device_mappings",
        default=[],
        sample_default=["physnet1:ens1f0", "physnet1:ens1f1", "physnet2:ens2f0"],
        help="Physical networks and their PFs on this host, PHYSNET:PF each, as for Neutron's "
        "SR-IOV agent. Ports of these networks get VFs.",
    ),
    cfg.StrOpt(
        "state_path",
        default="/var/lib/octavia-sriov/ports",
        help="Directory of what is known of devices in use, with which they are put back as they "
        "were. Has to survive a reboot.",
    ),
    cfg.IntOpt(
        "create_vfs",
        default=0,
        min=0,
        help="VFs to make on a PF that has none; 0: never. A PF that has VFs is left as it is.",
    ),
    cfg.BoolOpt(
        "osvif",
        default=False,
        help="Whether ordinary ports are plugged by os-vif, into the Open vSwitch or vRouter of "
        "this host that Neutron has bound them to. They need neither a PF nor a stand-in; one "
        "that Neutron could not bind there is refused.",
    ),
    cfg.BoolOpt(
        "standin",
        default=False,
        help="Whether ports of networks that are not mapped get a stand-in: a virtual interface "
        "on a bridge that all ports of the network on this host share. It reaches no other host.",
    ),
)


def port_driver(conf: Any) -> Settings:
    """:param conf: parsed, with OPTS registered in GROUP
    :raises ProviderError: when the mappings cannot be understood
    """
    ours = conf[GROUP]
    return Settings(
        mappings=mappings(ours.physical_device_mappings),
        state_path=Path(ours.state_path),
        create_vfs=ours.create_vfs,
        standin=ours.standin,
        osvif=ours.osvif,
    )


def mappings(told: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """:param told: PHYSNET:PF each
    :raises ProviderError: when one is something else, or one PF has two networks
    """
    pairs = tuple(_pair(one) for one in dict.fromkeys(told))
    pfs = [pf for _, pf in pairs]
    for physnet, pf in pairs:
        if pfs.count(pf) > 1:
            raise _wrong(f"{pf} has several physical networks, {physnet} one of them")
    return pairs


def _pair(told: str) -> tuple[str, str]:
    # A physical network may have colons in its name, an interface cannot.
    physnet, _, pf = (part.strip() for part in told.strip().rpartition(":"))
    if not physnet or not pf:
        raise _wrong(f"{told!r} is not PHYSNET:PF")
    return physnet, pf


def _wrong(text: str) -> ProviderError:
    return ProviderError(
        Code.CONFIGURATION,
        "The load balancer service is not configured correctly.",
        f"[{GROUP}] physical_device_mappings: {text}",
    )
