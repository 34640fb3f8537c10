"""Port kinds: the only place that knows what a Neutron ``vnic_type`` needs."""

from __future__ import annotations

import dataclasses
import enum

NORMAL = "normal"
DIRECT = "direct"


class Filter(str, enum.Enum):
    """Who filters the traffic of a port."""

    AMPHORA = "amphora"
    NEUTRON = "neutron"
    UNKNOWN = "unknown"


@dataclasses.dataclass(frozen=True)
class Kind:
    """What one ``vnic_type`` needs.

    :ivar vnic_type: the value of Neutron's ``binding:vnic_type``
    :ivar takes_vf: True when Nova has to claim a PCI device for it
    """

    vnic_type: str
    takes_vf: bool


KINDS: dict[str, Kind] = {
    kind.vnic_type: kind for kind in (Kind(NORMAL, False), Kind(DIRECT, True))
}
VF_KINDS: tuple[str, ...] = tuple(sorted(k.vnic_type for k in KINDS.values() if k.takes_vf))

_FAILED_VIF_TYPES = frozenset({"binding_failed", "unbound", ""})


def is_bound(vif_type: str | None, host: str | None) -> bool:
    """True when Neutron says that a mechanism driver bound the port to a host."""
    return bool(host) and (vif_type or "") not in _FAILED_VIF_TYPES


def decide_filter(vif_type: str | None, port_filter: bool | None, port_security: bool) -> Filter:
    """Who filters, from the binding that was read back after the attach.

    ``direct`` is a request: the host decides whether it becomes a legacy VF (nobody filters but
    the amphora) or an offloaded one (Neutron filters on the representor), so only
    ``vif_details.port_filter`` is believed. A driver that does not tell leaves it to the amphora:
    dropping all on a bound port would leave a dead VIP that looks well.
    """
    if (vif_type or "") in _FAILED_VIF_TYPES:
        return Filter.UNKNOWN
    if port_filter and port_security:
        return Filter.NEUTRON
    return Filter.AMPHORA
