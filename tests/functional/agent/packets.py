"""Frames to send to the amphora, marked so that the observer knows them."""

from __future__ import annotations

import ipaddress
from typing import Any

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.layers.sctp import SCTP, SCTPChunkInit
from scapy.packet import Packet, Raw

from tests.functional.agent.conftest import MACS
from tests.functional.netns import MARK

VRRP = 112
ROUTER_MAC = "fa:16:3e:ff:ff:ff"


def frame(interface: str, packet: Packet, mac: str | None = None) -> bytes:
    """The packet in an Ethernet frame to the amphora's interface (or to a multicast MAC)."""
    return bytes(Ether(src=ROUTER_MAC, dst=mac or MACS[interface]) / packet)


def ip(source: str, destination: str, hops: int = 64, **fields: Any) -> Packet:
    """An IP header of the right version."""
    if ipaddress.ip_address(source).version == 4:
        return IP(src=source, dst=destination, id=MARK, ttl=hops, **fields)
    return IPv6(src=source, dst=destination, fl=MARK, hlim=hops, **fields)


def tcp(source: str, destination: str, sport: int, dport: int, flags: str = "S") -> Packet:
    return ip(source, destination) / TCP(sport=sport, dport=dport, flags=flags)


def udp(source: str, destination: str, sport: int, dport: int) -> Packet:
    return ip(source, destination) / UDP(sport=sport, dport=dport) / Raw(b"x")


def sctp(source: str, destination: str, sport: int, dport: int) -> Packet:
    return ip(source, destination) / SCTP(sport=sport, dport=dport) / SCTPChunkInit()


def vrrp(source: str, destination: str, hops: int = 255) -> Packet:
    if ipaddress.ip_address(source).version == 4:
        return ip(source, destination, hops, proto=VRRP) / Raw(bytes(16))
    return ip(source, destination, hops, nh=VRRP) / Raw(bytes(16))


def icmp(source: str, destination: str, kind: int, code: int = 0) -> Packet:
    return ip(source, destination) / ICMP(type=kind, code=code) / Raw(bytes(28))
