"""Names and addresses that the renderer outside and the checks inside agree on."""

from __future__ import annotations

LOAD_BALANCER = "6d1f4a52-0c5e-4d0e-9a59-3a8f7a4f1b11"
NAMESPACE = "amphora-haproxy"
VIP_DEVICE, MEMBER_DEVICE = "eth1", "eth2"
# 198.18.0.0/15 is set aside for tests (RFC 2544).
VIP_NET = "198.18.16.0/24"
# Segments of the networks; on one of both, either interface would answer for the other's address.
VIP_VLAN, MEMBER_VLAN = 16, 32
VIP = "198.18.16.5"
CLIENT, STRANGER = "198.18.16.20", "198.18.16.99"
BASE = {"a": "198.18.16.10", "b": "198.18.16.11"}
ON_MEMBER_NET = "198.18.32.10"
SERVER = "198.18.32.20"
TCP_PORT, CLOSED_PORT, UDP_PORT, SCTP_PORT = 80, 81, 5353, 3868
LISTENERS = {
    "tcp": "11111111-1111-4111-8111-111111111111",
    "udp": "22222222-2222-4222-8222-222222222222",
    "sctp": "33333333-3333-4333-8333-333333333333",
}
PORTS = {"tcp": TCP_PORT, "udp": UDP_PORT, "sctp": SCTP_PORT}


def mac(address: str) -> str:
    """The one that Neutron would give to the port with this address."""
    third, last = (int(part) for part in address.split(".")[2:])
    return f"fa:16:3e:00:{third:02x}:{last:02x}"
