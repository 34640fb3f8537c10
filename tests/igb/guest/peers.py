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
PATIENCE, _GLANCE = 3.0, 0.5
_NAME = b"member:"


def serve(space: Space, transport: str, address: str, port: int) -> socket.socket:
    """Answer each message with what came, from behind ``member:``; ends with its socket."""
    kind, protocol = _KINDS[transport]
    opened = space.socket(socket.AF_INET, kind, protocol)
    # Who waits in the kernel would not see that the socket is closed.
    opened.settimeout(_GLANCE)
    opened.bind((address, port))
    if transport != "udp":
        opened.listen()
    threading.Thread(target=_serve, args=(opened, transport), daemon=True).start()
    return opened


def _serve(opened: socket.socket, transport: str) -> None:
    while opened.fileno() >= 0:
        with contextlib.suppress(OSError):  # late, gone, or closed
            _answer(opened, transport)


def _answer(opened: socket.socket, transport: str) -> None:
    if transport == "udp":
        message, sender = opened.recvfrom(2048)
        opened.sendto(_NAME + message, sender)
        return
    with opened.accept()[0] as one:
        one.settimeout(PATIENCE)
        one.sendall(_NAME + one.recv(2048))


def ask(
    space: Space,
    transport: str,
    source: str,
    address: str,
    port: int,
    patience: float = PATIENCE,
) -> str:
    """What came back for one message; empty when nothing did."""
    kind, protocol = _KINDS[transport]
    with space.socket(socket.AF_INET, kind, protocol) as opened:
        opened.settimeout(patience)
        opened.bind((source, 0))
        try:
            opened.connect((address, port))
            opened.sendall(b"hello")
            return opened.recv(2048).decode()
        except OSError:  # late, or refused
            return ""
