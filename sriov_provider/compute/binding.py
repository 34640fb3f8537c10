"""What became of a port, told by its binding in Neutron."""

from __future__ import annotations

from sriov_provider import vnic
from sriov_provider.compute.base import ReadBack
from sriov_provider.network.base import Port


def as_bound(port: Port, server_host: str | None) -> ReadBack:
    """For compute drivers whose plug lets Neutron bind the port.

    :param server_host: where the port's server runs; None when nobody tells
    """
    return ReadBack(
        vnic.judge(port.vif_type, port.host, server_host),
        vnic.decide_filter(port.vif_type, port.port_filter, port.port_security),
        port.vif_type,
        port.pci_slot,
    )
