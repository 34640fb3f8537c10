"""From Neutron's objects to what has to be set up. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from sriov_provider import vnic
from sriov_provider.errors import Code, ProviderError
from sriov_provider.portdriver.kernel import USER

_NO_VLAN = ("flat", None)
_UNBOUND = "unbound"
# What a VF of the card's own switch may be bound as: without an agent of Neutron on the host
# nobody binds it.
_OWN_SWITCH = frozenset({"hw_veb", "binding_failed", _UNBOUND})

Told = tuple[Mapping[str, Any], Mapping[str, Any] | None, Sequence[Mapping[str, Any]]]


@dataclasses.dataclass(frozen=True)
class Wish:
    """What a port needs on the host.

    :ivar physnet: None: a tunnel, or a network whose ``provider:*`` was not shown
    :ivar vlan: 0: untagged
    :ivar segment: tells the networks of one host apart
    :ivar mtu: None: the device's own
    :ivar proto: of the tag, an ethertype
    :ivar rate: Mbit/s the port may send; 0: as many as it can
    :ivar pci_slot: the VF that somebody else has chosen
    :ivar up: whether the port may carry traffic at all
    :ivar told: what it was made of: port, network, subnets
    """

    port_id: str
    mac: str
    physnet: str | None = None
    vlan: int = 0
    proto: int = 0x8100
    segment: str = ""
    mtu: int | None = None
    rate: int = 0
    pci_slot: str | None = None
    up: bool = True
    told: Told | None = dataclasses.field(default=None, compare=False, repr=False)


def wish(
    port: Mapping[str, Any],
    network: Mapping[str, Any] | None,
    subnets: Sequence[Mapping[str, Any]] = (),
) -> Wish:
    """:param port: of Neutron; ``qos_policy``, with its rules, is heard where the caller adds it
    :raises ProviderError: when the port's network cannot be served by any device
    """
    told = (port, network, subnets)
    network = network or {}
    profile = port.get("binding:profile") or {}
    physnet = network.get("provider:physical_network")
    if physnet is None and network.get("provider:network_type") is None:
        physnet = profile.get("physical_network")
    vlan, proto = _vlan(port, network, physnet)
    return Wish(
        port_id=port["id"],
        mac=port["mac_address"].lower(),
        physnet=physnet,
        vlan=vlan,
        proto=proto,
        segment=_segment(port, network),
        mtu=network.get("mtu") or None,
        rate=_rate(port.get("qos_policy") or {}),
        pci_slot=profile.get("pci_slot"),
        up=port.get("admin_state_up", True),
        told=told,
    )


def _vlan(
    port: Mapping[str, Any], network: Mapping[str, Any], physnet: str | None
) -> tuple[int, int]:
    """Tag and protocol; a port that is bound as ``hw_veb`` tells its tag itself."""
    kind = network.get("provider:network_type")
    if kind == "vlan":
        told = network.get("provider:segmentation_id") or None
    else:
        told = (port.get("binding:vif_details") or {}).get("vlan") if kind in _NO_VLAN else None
    if told is None and physnet is not None and kind in ("vlan", None):
        # Untagged is a network, too: somebody else's.
        text = (
            f"port {port['id']} is on physical network {physnet} and nobody tells its VLAN: its "
            f"network's provider:network_type is {kind or 'not shown'}, provider:segmentation_id "
            f"{network.get('provider:segmentation_id', 'not shown')}"
        )
        raise ProviderError(Code.CONFIGURATION, USER, text)
    vlan = int(told or 0)
    if not 0 <= vlan < 4095:
        text = f"port {port['id']}: {vlan} is no VLAN"
        raise ProviderError(Code.CONFIGURATION, USER, text)
    # A network of Neutron's qinq extension has the outer tag of two.
    return vlan, 0x88A8 if vlan and network.get("qinq") else 0x8100


def _segment(port: Mapping[str, Any], network: Mapping[str, Any]) -> str:
    kind = network.get("provider:network_type")
    if kind is None:
        return f"network {port.get('network_id') or network.get('id')}"
    where = network.get("provider:physical_network") or kind
    return f"{where} {network.get('provider:segmentation_id') or 0}"


def _rate(policy: Mapping[str, Any]) -> int:
    """A VF counts in Mbit/s; less than one of them would be none at all."""
    limits = [
        rule["max_kbps"]
        for rule in policy.get("rules") or ()
        if rule.get("type") == "bandwidth_limit" and rule.get("direction", "egress") == "egress"
    ]
    return max(1, round(min(limits) / 1000)) if limits else 0


def of_switch(port: Mapping[str, Any], mapped: bool) -> bool:
    """Whether an ordinary port is for a virtual switch, on a host where os-vif plugs such.

    Also where its binding has failed, which os-vif refuses: a stand-in would reach nobody, and a
    VF would hide that the switch does not work.

    :param mapped: whether its physical network is, which takes what nobody asked to bind
    """
    asked = port.get("binding:host_id") or _vif_type(port) != _UNBOUND
    return _kind(port) == vnic.NORMAL and bool(asked or not mapped)


def check_kind(port: Mapping[str, Any]) -> None:
    """Refuse what no device of a host without Nova can be.

    :raises ProviderError: UNSUPPORTED
    """
    kind, vif_type = _kind(port), _vif_type(port)
    why = ""
    if kind not in vnic.HOST_KINDS:
        why = f"is of kind {kind}; without Nova are plugged: {', '.join(vnic.HOST_KINDS)}"
    elif vnic.KINDS[kind].takes_vf and vif_type not in _OWN_SWITCH:
        why = f"({kind}) is bound as {vif_type}; only VFs of a card's own switch are plugged here"
    if why:
        user = "A network port is of a kind that cannot be connected on this host."
        raise ProviderError(Code.UNSUPPORTED, user, f"port {port['id']} {why}")


def _kind(port: Mapping[str, Any]) -> str:
    return port.get("binding:vnic_type") or vnic.NORMAL


def _vif_type(port: Mapping[str, Any]) -> str:
    return port.get("binding:vif_type") or _UNBOUND
