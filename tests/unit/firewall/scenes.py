"""Random load balancers and rule documents, and a judge of what a document lets in."""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from sriov_provider import tree
from sriov_provider.firewall.document import Interface
from sriov_provider.vnic import Filter

ADDRESSES = ["192.0.2.1", "192.0.2.2", "10.1.2.3", "2001:db8::1", "2001:db8::2"]
PORTS = [53, 80, 443, 1025]
CIDRS = ["0.0.0.0/0", "::/0", "10.0.0.0/8", "10.1.0.0/16", "192.0.2.0/31", "2001:db8::/64"]
MACS = ["fa:16:3e:00:00:01", "fa:16:3e:00:00:02"]

_addresses = st.sampled_from(ADDRESSES)
_ports = st.sampled_from(PORTS)
_some_addresses = st.lists(_addresses, max_size=3, unique=True).map(tuple)

listeners = st.builds(
    tree.Listener,
    id=st.uuids().map(str),
    protocol=st.sampled_from(["HTTP", "TCP", "UDP", "SCTP", "TERMINATED_HTTPS"]),
    port=_ports,
    enabled=st.booleans(),
    allowed_cidrs=st.lists(st.sampled_from(CIDRS), max_size=3).map(tuple),
)
members = st.builds(
    tree.Member,
    id=st.uuids().map(str),
    pool_id=st.just("pool"),
    address=_addresses,
    port=_ports,
    enabled=st.booleans(),
    monitor_address=st.none() | _addresses,
    monitor_port=st.none() | _ports,
)
monitors = st.builds(
    tree.HealthMonitor,
    id=st.just("hm"),
    type=st.sampled_from(["HTTP", "PING", "TCP", "UDP-CONNECT", "SCTP", "TLS-HELLO"]),
    delay=st.just(5),
    timeout=st.just(5),
    max_retries=st.just(3),
    max_retries_down=st.just(3),
    enabled=st.booleans(),
)
pools = st.builds(
    tree.Pool,
    id=st.uuids().map(str),
    protocol=st.sampled_from(["HTTP", "TCP", "UDP", "SCTP"]),
    lb_algorithm=st.just("ROUND_ROBIN"),
    enabled=st.booleans(),
    members=st.lists(members, max_size=3).map(tuple),
    healthmonitor=st.none() | monitors,
)
load_balancers = st.builds(
    tree.LoadBalancer,
    id=st.just("lb"),
    project_id=st.just("project"),
    vip_address=_addresses,
    vip_port_id=st.just("p"),
    vip_subnet_id=st.just("s"),
    vip_network_id=st.just("n"),
    enabled=st.booleans(),
    listeners=st.lists(listeners, max_size=4).map(tuple),
    pools=st.lists(pools, max_size=3).map(tuple),
)
interfaces = st.lists(
    st.builds(
        Interface,
        mac=st.sampled_from(MACS),
        filter=st.sampled_from(Filter),
        vips=_some_addresses,
        addresses=_some_addresses,
        dhcp=st.booleans(),
        slaac=st.booleans(),
    ),
    max_size=2,
    unique_by=lambda i: i.mac,
)
peers = _some_addresses
peer_ports = st.none() | st.sampled_from([1025, 1026])


@dataclasses.dataclass(frozen=True)
class Packet:
    """:ivar protocol: tcp, udp, sctp, vrrp, echo-request, echo-reply, dhcp or ra"""

    mac: str
    source: str
    target: str
    protocol: str
    sport: int = 0
    dport: int = 0


packets = st.builds(
    Packet,
    mac=st.sampled_from(MACS),
    source=_addresses,
    target=_addresses,
    protocol=st.sampled_from(
        ["tcp", "udp", "sctp", "vrrp", "echo-request", "echo-reply", "dhcp", "ra"]
    ),
    sport=_ports,
    dport=_ports,
)


def lets_in(document: Mapping[str, Any], packet: Packet) -> bool:
    """What the document means, said once more and in another way than the agent says it."""
    found = [i for i in document["interfaces"] if i["mac"] == packet.mac]
    if not found or found[0]["filter"] == "drop":
        return False
    interface = found[0]
    if interface["filter"] == "neutron":
        return True
    if packet.protocol in ("dhcp", "ra"):
        return bool(interface["dhcp" if packet.protocol == "dhcp" else "slaac"])
    on_vip = packet.target in interface["vips"]
    on_base = packet.target in interface["addresses"]
    if not (on_vip or on_base):
        return False
    return (
        (on_vip and _listens(document, packet))
        or answers(document, packet)
        or (on_base and bool(interface["vips"]) and _peer(document, packet))
        or (packet.protocol == "echo-request" and document["echo"] and bool(interface["vips"]))
    )


def _listens(document: Mapping[str, Any], packet: Packet) -> bool:
    return any(
        (listener["protocol"], listener["port"]) == (packet.protocol, packet.dport)
        and within(packet.source, listener["allowed_cidrs"])
        for listener in document["listeners"]
    )


def answers(document: Mapping[str, Any], packet: Packet) -> bool:
    if packet.protocol == "echo-reply":
        return packet.source in document["ping"]
    member = {"address": packet.source, "protocol": packet.protocol, "port": packet.sport}
    return member in document["members"]


def _peer(document: Mapping[str, Any], packet: Packet) -> bool:
    if packet.source not in document["peers"]:
        return False
    port = document["peer_port"]
    talks = packet.protocol == "tcp" and port is not None and port in (packet.sport, packet.dport)
    return packet.protocol == "vrrp" or talks


def within(address: str, cidrs: list[str]) -> bool:
    """An empty list means any address."""
    host = ipaddress.ip_address(address)
    networks = [ipaddress.ip_network(c) for c in cidrs]
    return not networks or any(host.version == n.version and host in n for n in networks)
