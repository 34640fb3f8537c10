"""TCP segments as Ethernet frames. Pure."""

from __future__ import annotations

import dataclasses
import socket
import struct

ACK, SYN = 0x10, 0x02
# Receivers tell by the IP id which packets belong to a flood, and end their way behind the filter.
FLOOD = 0xBEEF
_ETHERNET, _IP, _TCP = struct.Struct("!6s6sH"), struct.Struct("!BBHHHBBH4s4s"), "!HHIIBBHHH"


@dataclasses.dataclass(frozen=True)
class Segment:
    """:ivar flood: marked as part of a flood"""

    source: str
    destination: str
    sport: int
    dport: int
    flags: int = SYN
    seq: int = 1
    ack: int = 0
    flood: bool = True

    def frame(self, to: str, come: str = "fa:16:3e:ff:ff:01") -> bytes:
        """The whole frame.

        :param to: MAC address it goes to
        :param come: MAC address it comes from
        """
        source, destination = socket.inet_aton(self.source), socket.inet_aton(self.destination)
        tcp = self._tcp(0)
        pseudo = source + destination + struct.pack("!HH", socket.IPPROTO_TCP, len(tcp))
        tcp = self._tcp(checksum(pseudo + tcp))
        mark = FLOOD if self.flood else 1

        def ip(total: int) -> bytes:
            return _IP.pack(
                *(0x45, 0, _IP.size + len(tcp), mark, 0, 64, socket.IPPROTO_TCP, total),
                *(source, destination),
            )

        ethernet = _ETHERNET.pack(_mac(to), _mac(come), 0x0800)
        return ethernet + ip(checksum(ip(0))) + tcp

    def _tcp(self, total: int) -> bytes:
        ports = self.sport, self.dport
        return struct.pack(_TCP, *ports, self.seq, self.ack, 0x50, self.flags, 64000, total, 0)


@dataclasses.dataclass(frozen=True)
class Answer:
    """What is to be known of a received segment."""

    source: str
    dport: int
    flags: int
    seq: int


def read(frame: bytes) -> Answer | None:
    """The segment in a frame, None when there is none."""
    if len(frame) < 54 or frame[12:14] != b"\x08\x00" or frame[23] != socket.IPPROTO_TCP:
        return None
    start = _ETHERNET.size + (frame[14] & 0xF) * 4
    _sport, dport, seq, _ack, _offset, flags = struct.unpack_from("!HHIIBB", frame, start)
    return Answer(socket.inet_ntoa(frame[26:30]), dport, flags, seq)


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071) of an even number of bytes."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))
