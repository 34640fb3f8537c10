"""Who talks to a load balancer and whom it talks to: small servers and clients."""

from __future__ import annotations

import contextlib
import socket
import threading

from tests.igb.guest.ground import Space

_SCTP = 132  # IPPROTO_SCTP; Python has no name for it
_KINDS = {
    "tcp": (socket.SOCK_STREAM, 0),
    "udp": (socket.SOCK_DGRAM, 0),
    "sctp": (socket.SOCK_STREAM, _SCTP),
}
PATIENCE = 3.0


def serve(space: Space, transport: str, address: str, port: int) -> socket.socket:
    """Answer each message with what came, from behind ``member:``; ends with its socket."""
    kind, protocol = _KINDS[transport]
    opened = space.socket(socket.AF_INET, kind, protocol)
    opened.bind((address, port))
    if transport != "udp":
        opened.listen()
    threading.Thread(target=_serve, args=(opened, transport), daemon=True).start()
    return opened


def _serve(opened: socket.socket, transport: str) -> None:
    with contextlib.suppress(OSError):
        while True:
            if transport == "udp":
                message, sender = opened.recvfrom(2048)
                opened.sendto(b"member:" + message, sender)
                continue
            with opened.accept()[0] as one, contextlib.suppress(OSError):
                one.settimeout(PATIENCE)
                one.sendall(b"member:" + one.recv(2048))


def ask(space: Space, transport: str, source: str, address: str, port: int) -> str:
    """What came back for one message; empty when nothing did."""
    kind, protocol = _KINDS[transport]
    with space.socket(socket.AF_INET, kind, protocol) as opened:
        opened.settimeout(PATIENCE)
        opened.bind((source, 0))
        try:
            opened.connect((address, port))
            opened.sendall(b"hello")
            return opened.recv(2048).decode()
        except OSError:  # late, or refused
            return ""
