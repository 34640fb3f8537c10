"""Neutron ports as os-vif objects: one row for each pair of ``vif_type`` and ``vnic_type``.

Facts: Nova's own conversion, with which a test compares every field of every row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from os_vif.objects import (
    fields,
    fixed_ip,
    instance_info,
    route,
    subnet,
    vif,
)
from os_vif.objects import network as osvif_network

from sriov_provider import vnic
from sriov_provider.errors import Code, ProviderError
from sriov_provider.portdriver.osvif.facts import (
    BoundPort,
    SubnetFacts,
    bound_port,
    device_name,
    not_plugged,
)

Json = Mapping[str, Any]
Row = Callable[[BoundPort], Any]

# The smart-NIC's own control plane wires these; os-vif's plugin of this name does nothing.
_NOOP = "noop"
_USER = "A network port is of a kind that cannot be connected on this host."


def to_osvif(port: Json, network: Json | None, subnets: Iterable[Json], device: str | None) -> Any:
    """The os-vif object for a bound Neutron port.

    :param device: PCI address of the port's VF; by default ``binding:profile``'s ``pci_slot``
    :returns: an ``os_vif.objects.vif.VIFBase``, or None for a VF on the card's own switch, which
        has no plugin of os-vif: the VF itself is all there is to plug
    :raises ProviderError: BINDING_FAILED for a port that is not bound; UNSUPPORTED for a pair
        without a row, a VF without a PCI address and a vhost-user port without a socket
    """
    facts = bound_port(port, network, subnets, device)
    not_plugged(facts)
    if facts.vnic_type in vnic.REFUSED:
        raise _refused(facts, vnic.REFUSED[facts.vnic_type])
    if (facts.vif_type, facts.vnic_type) in WITHOUT_OSVIF:
        return None
    row = ROWS.get((facts.vif_type, facts.vnic_type))
    if row is None:
        raise _refused(facts, "no datapath is known for this pair")
    return row(facts)


def instance(uuid: str, name: str, project_id: str | None = None) -> Any:
    """The os-vif object for what the port is plugged into."""
    made = instance_info.InstanceInfo(uuid=uuid, name=name)
    if project_id:
        made.project_id = project_id
    return made


def _ovs_normal(port: BoundPort) -> Any:
    profile = _ovs_profile(port)
    if "create_tap" in profile.fields:  # not before os-vif 5.3
        profile.create_tap = port.flag("ovs_create_tap")
    if port.flag("ovs_hybrid_plug"):
        bridge = device_name("qbr", port.id)
        return _vif(
            vif.VIFBridge,
            port,
            "ovs",
            vif_name=port.name,
            bridge_name=bridge,
            port_profile=profile,
        )
    profile.create_port = True
    return _vif(
        vif.VIFOpenVSwitch,
        port,
        "ovs",
        vif_name=port.name,
        bridge_name=port.bridge,
        port_profile=profile,
    )


def _ovs_vf(plugin: str) -> Row:
    def row(port: BoundPort) -> Any:
        return _host_device(port, plugin, _representor(_ovs_representor_profile(port), port))

    return row


def _ovs_remote_managed(port: BoundPort) -> Any:
    return _host_device(port, _NOOP, None)


def _agilio_forwarder(port: BoundPort) -> Any:
    profile = _representor(_ovs_representor_profile(port), port)
    return _vhost_user(port, "agilio_ovs", port.name, port_profile=profile)


def _vhostuser(port: BoundPort) -> Any:
    if port.flag("vhostuser_fp_plug"):
        raise _refused(port, "ports of the fast path product 'vhostuser_fp' are not supported")
    if port.flag("vhostuser_ovs_plug"):
        name = device_name("vhu", port.id)
        return _vhost_user(port, "ovs", name, port_profile=_ovs_profile(port))
    plugin = "contrail_vrouter" if port.flag("vhostuser_vrouter_plug") else _NOOP
    return _vhost_user(port, plugin, port.name)


def _vrouter_normal(port: BoundPort) -> Any:
    return _vif(vif.VIFGeneric, port, "vrouter", vif_name=port.name)


def _vrouter_direct(port: BoundPort) -> Any:
    return _host_device(port, "vrouter", _representor(vif.VIFPortProfileBase(), port))


def _vrouter_forwarder(port: BoundPort) -> Any:
    profile = _representor(vif.VIFPortProfileBase(), port)
    return _vhost_user(port, "vrouter", port.name, port_profile=profile)


ROWS: Mapping[tuple[str, str], Row] = {
    ("ovs", vnic.NORMAL): _ovs_normal,
    ("ovs", vnic.DIRECT): _ovs_vf("ovs"),
    ("ovs", vnic.VDPA): _ovs_vf("ovs"),
    ("ovs", vnic.REMOTE_MANAGED): _ovs_remote_managed,
    ("agilio_ovs", vnic.NORMAL): _ovs_normal,
    ("agilio_ovs", vnic.DIRECT): _ovs_vf("agilio_ovs"),
    ("agilio_ovs", vnic.VIRTIO_FORWARDER): _agilio_forwarder,
    ("vhostuser", vnic.NORMAL): _vhostuser,
    ("vrouter", vnic.NORMAL): _vrouter_normal,
    ("vrouter", vnic.DIRECT): _vrouter_direct,
    ("vrouter", vnic.VIRTIO_FORWARDER): _vrouter_forwarder,
}
WITHOUT_OSVIF = frozenset({("hw_veb", vnic.DIRECT), ("hw_veb", vnic.MACVTAP)})
"""VFs on the card's own switch."""


def _vif(cls: Any, port: BoundPort, plugin: str, **more: Any) -> Any:
    return cls(
        id=port.id,
        address=port.mac,
        network=_network(port),
        has_traffic_filtering=port.flag("port_filter"),
        # whoever made the port in Neutron deletes it
        preserve_on_delete=True,
        active=port.active,
        plugin=plugin,
        **{name: value for name, value in more.items() if value is not None},
    )


def _host_device(port: BoundPort, plugin: str, profile: Any) -> Any:
    kind = fields.VIFHostDeviceDevType.ETHERNET
    return _vif(
        vif.VIFHostDevice,
        port,
        plugin,
        dev_address=_device(port),
        dev_type=kind,
        port_profile=profile,
    )


def _vhost_user(port: BoundPort, plugin: str, name: str, **more: Any) -> Any:
    path = port.details.get("vhostuser_socket")
    if not path:
        raise _refused(port, "its binding tells no vhostuser_socket")
    mode = port.details.get("vhostuser_mode", "server")
    return _vif(vif.VIFVHostUser, port, plugin, vif_name=name, path=path, mode=mode, **more)


def _ovs_profile(port: BoundPort) -> Any:
    return vif.VIFPortProfileOpenVSwitch(
        interface_id=port.id, datapath_type=port.details.get("datapath_type")
    )


def _ovs_representor_profile(port: BoundPort) -> Any:
    return vif.VIFPortProfileOVSRepresentor(
        interface_id=port.id, representor_name=port.name, representor_address=_device(port)
    )


def _representor(profile: Any, port: BoundPort) -> Any:
    profile.datapath_offload = vif.DatapathOffloadRepresentor(
        representor_name=port.name, representor_address=_device(port)
    )
    return profile


def _device(port: BoundPort) -> str:
    if not port.device:
        raise _refused(port, "no PCI address of a VF is given")
    return port.device


def _network(port: BoundPort) -> Any:
    made = osvif_network.Network(
        id=port.network_id,
        bridge_interface=None,
        mtu=port.mtu,
        subnets=subnet.SubnetList(objects=[_subnet(s) for s in port.subnets]),
    )
    if port.bridge is not None:
        made.bridge = port.bridge
    if port.label is not None:
        made.label = port.label
    return made


def _subnet(facts: SubnetFacts) -> Any:
    ips = [fixed_ip.FixedIP(address=a, floating_ips=[]) for a in facts.addresses]
    routes = [route.Route(cidr=cidr, gateway=hop) for cidr, hop in facts.routes]
    made = subnet.Subnet(
        cidr=facts.cidr,
        dns=list(facts.dns),
        ips=fixed_ip.FixedIPList(objects=ips),
        routes=route.RouteList(objects=routes),
    )
    if facts.gateway is not None:
        made.gateway = facts.gateway
    return made


def _refused(port: BoundPort, why: str) -> ProviderError:
    message = f"port {port.id}: vif_type {port.vif_type} with vnic_type {port.vnic_type}: {why}"
    return ProviderError(Code.UNSUPPORTED, _USER, message)
