"""Which kind of port serves the VIP and each member, and which kinds cannot be had together. Pure.

One rule for the API, which refuses a request, and for the worker, which decides when the API could
not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from sriov_provider import tree, vnic
from sriov_provider.errors import Code, Reason


class Balancer(Protocol):
    """What the rules ask of a load balancer: of the tree's, or of the record we keep."""

    @property
    def flavor(self) -> Mapping[str, Any]: ...

    @property
    def vip_network_id(self) -> str: ...


def vip_kind(flavor: Mapping[str, object]) -> str:
    """``vnic_type`` of the base VRRP port."""
    if not flavor.get("sriov_vip"):
        return vnic.NORMAL
    return str(flavor.get("vip_vnic_type") or vnic.DIRECT)


def member_kind(member: tree.Member, flavor: Mapping[str, object]) -> str:
    """``vnic_type`` a member asks for; ``direct`` in Octavia's API means "takes a VF"."""
    if member.vnic_type == vnic.NORMAL:
        return vnic.NORMAL
    return str(flavor.get("member_vnic_type") or vnic.DIRECT)


def member_network_problem(
    member: tree.Member,
    network_id: str,
    kind: str,
    attached: Mapping[str, str],
    balancer: Balancer,
) -> Reason | None:
    """Why this member cannot have its port, or None.

    :param attached: network id -> vnic_type of the port the amphora has, or will have, there
    """
    if kind != vnic.NORMAL and not balancer.flavor.get("allow_member_sriov"):
        return Reason(
            Code.UNSUPPORTED,
            "The load balancer's flavor does not allow SR-IOV member ports.",
            f"Member {member.id} asks for SR-IOV; flavor has allow_member_sriov false.",
        )
    there = attached.get(network_id, kind)
    # A member that asks for nothing on the VIP's own network is reached through the VIP port,
    # whatever its kind, as with the stock provider (one-arm).
    if there == kind or (network_id == balancer.vip_network_id and kind == vnic.NORMAL):
        return None
    return Reason(
        Code.MIXED_KINDS,
        f"The load balancer has {_named(there)} on the member's network, but the member asks for "
        f"{_named(kind)}. All members of one network need the same type.",
        f"Member {member.id}: network {network_id} has a {there} port, {kind} requested.",
    )


def _named(kind: str) -> str:
    """In the words of Octavia's API."""
    sriov = "an SR-IOV port" if vnic.KINDS[kind].takes_vf else "a port without SR-IOV"
    return f"{sriov} ({kind})"
