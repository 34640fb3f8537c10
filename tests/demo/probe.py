"""Connects to an address and counts what the wire says: ``probe.py INTERFACE ADDRESS PORT``.

Runs within a client's namespace. Prints JSON: segments with SYN that left, SYN-ACKs and RSTs that
came back.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
import time

# the first SYN and its first repetition, a second later
SECONDS = 1.8
ETH_P_ALL = 3
SYN, RST, ACK = 0x02, 0x04, 0x10


def classify(frame: bytes, address: bytes, port: int) -> str | None:
    """What a captured Ethernet frame is to this connection attempt."""
    if frame[12:14] != b"\x08\x00" or frame[23] != socket.IPPROTO_TCP:
        return None
    tcp = frame[14 + (frame[14] & 0x0F) * 4 :]
    source_port, target_port = struct.unpack("!HH", tcp[:4])
    flags = tcp[13]
    if frame[30:34] == address and target_port == port and flags & SYN:
        return "syn"
    if frame[26:30] != address or source_port != port:
        return None
    if flags & RST:
        return "rst"
    return "syn_ack" if flags & (SYN | ACK) == SYN | ACK else None


def main() -> None:
    """Counts while the kernel tries to connect."""
    interface, text, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
    counts = {"syn": 0, "syn_ack": 0, "rst": 0}
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    wire.bind((interface, 0))
    client = socket.socket()
    client.setblocking(False)
    client.connect_ex((text, port))
    end = time.monotonic() + SECONDS
    while (left := end - time.monotonic()) > 0:
        wire.settimeout(left)
        try:
            kind = classify(wire.recv(2048), socket.inet_aton(text), port)
        except TimeoutError:
            break
        if kind:
            counts[kind] += 1
    print(json.dumps(counts))


if __name__ == "__main__":
    main()
