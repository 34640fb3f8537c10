"""Port kinds: the only place that knows what a Neutron ``vnic_type`` needs.

Facts: Neutron's mechanism drivers (who binds a kind, and with which ``port_filter``) and Nova's
network model (which kinds take a PCI device, which can be plugged into a running server).
"""

from __future__ import annotations

import dataclasses
import enum

NORMAL = "normal"
DIRECT = "direct"
MACVTAP = "macvtap"
VDPA = "vdpa"
VIRTIO_FORWARDER = "virtio-forwarder"
REMOTE_MANAGED = "remote-managed"


class Filter(str, enum.Enum):
    """Who filters the traffic of a port."""

    AMPHORA = "amphora"
    NEUTRON = "neutron"
    UNKNOWN = "unknown"


class Path(str, enum.Enum):
    """What is behind a VF, and with it which networks it can reach."""

    SWITCH = "switch"
    """The card's own switch: flat and VLAN networks with a physical network."""
    OFFLOADED = "offloaded"
    """A virtual switch offloaded to the card: tunnelled networks too."""
    HOST = "host"
    """The host decides which of the two."""


class Binding(str, enum.Enum):
    """What Neutron made of the wish to have a port on a host."""

    BOUND = "bound"
    PENDING = "pending"
    FAILED = "failed"
    ELSEWHERE = "elsewhere"


@dataclasses.dataclass(frozen=True)
class Kind:
    """What one ``vnic_type`` needs.

    :ivar vnic_type: the value of Neutron's ``binding:vnic_type``
    :ivar path: None when Nova claims no PCI device for it
    :ivar boot_only: cannot be plugged into a running server
    :ivar hosted: the port driver can plug it on a host without Nova
    :ivar needs: what it asks of the cloud beyond a VF, for the operator
    """

    vnic_type: str
    path: Path | None
    boot_only: bool = False
    hosted: bool = False
    needs: str = ""

    @property
    def takes_vf(self) -> bool:
        return self.path is not None


KINDS: dict[str, Kind] = {
    kind.vnic_type: kind
    for kind in (
        Kind(NORMAL, None, hosted=True),
        Kind(
            DIRECT,
            Path.HOST,
            hosted=True,
            needs="Nova 22.0.0 to be plugged into a running server",
        ),
        Kind(
            MACVTAP,
            Path.SWITCH,
            hosted=True,
            needs="virtio in the image, no driver of the VF's own",
        ),
        Kind(VDPA, Path.OFFLOADED, needs="Nova 26.0.0; locked guest memory"),
        Kind(
            VIRTIO_FORWARDER,
            Path.OFFLOADED,
            boot_only=True,
            needs="hw:mem_page_size in the compute flavor: shared memory is fixed at boot",
        ),
        Kind(REMOTE_MANAGED, Path.OFFLOADED, needs="Nova 25.0.0; a DPU that runs OVN"),
    )
}
VF_KINDS: tuple[str, ...] = tuple(sorted(k.vnic_type for k in KINDS.values() if k.takes_vf))
HOST_KINDS: tuple[str, ...] = tuple(sorted(k.vnic_type for k in KINDS.values() if k.hosted))

REFUSED: dict[str, str] = {
    "direct-physical": "it takes a whole PF for one port, whose MAC address Neutron cannot set, "
    "and nobody keeps its traffic apart",
    "accelerator-direct": "it needs a device of Cyborg, and Nova cannot plug it into a server",
    "accelerator-direct-physical": "it needs a device of Cyborg, and Nova cannot plug it into a "
    "server",
    "smart-nic": "it is a port of a bare metal host, and amphorae are servers of Nova",
    "baremetal": "it is a port of a bare metal host, and amphorae are servers of Nova",
}
"""Kinds that Neutron knows and this provider refuses, with the reason."""

_FAILED = "binding_failed"
_UNBOUND = frozenset({"unbound", ""})


def judge(vif_type: str | None, host: str | None, server_host: str | None = None) -> Binding:
    """What became of a port that Nova was asked to plug.

    :param host: ``binding:host_id``
    :param server_host: where the port's server runs; None when Nova does not tell
    """
    if vif_type == _FAILED:
        return Binding.FAILED
    if (vif_type or "") in _UNBOUND or not host:
        return Binding.PENDING
    return Binding.BOUND if server_host in (None, host) else Binding.ELSEWHERE


def decide_filter(vif_type: str | None, port_filter: bool | None, port_security: bool) -> Filter:
    """Who filters, from the binding that was read back after the attach.

    ``direct`` is a request: the host decides whether it becomes a legacy VF (nobody filters but
    the amphora) or an offloaded one (Neutron filters on the representor), so only
    ``vif_details.port_filter`` is believed. A driver that does not tell leaves it to the amphora.
    A port that is not bound is nobody's yet: everything is dropped until it is.
    """
    if vif_type == _FAILED or (vif_type or "") in _UNBOUND:
        return Filter.UNKNOWN
    if port_filter and port_security:
        return Filter.NEUTRON
    return Filter.AMPHORA
