"""Reads nftables over netlink, without the library: it lists a table some ten times as fast.

Only what a table of ours holds is understood. Formats: ``linux/netfilter/nf_tables.h``.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Iterator

from amphora_agent_ext.errors import FirewallError

_NETFILTER = 12
_SUBSYSTEM = 10 << 8
_INET = 1
_REQUEST, _DUMP, _INTERRUPTED = 0x1, 0x300, 0x10
_ERROR, _DONE = 2, 3
_HEADER = struct.Struct("=IHHII")
_SHORTS = struct.Struct("=HH")
_FAMILY = struct.Struct(">BBH")
_RECEIVE = 1 << 18
GET_TABLE, GET_CHAIN, GET_RULE, GET_SET = 1, 4, 7, 10
GET_ELEMENTS, GET_GENERATION, GET_OBJECT = 13, 16, 19

Attributes = dict[int, bytes]


class Interrupted(Exception):
    """Somebody changed the ruleset while it was read."""


@contextlib.contextmanager
def connected() -> Iterator[socket.socket]:
    """A netlink socket of the calling thread's namespace."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETFILTER) as opened:
        opened.bind((0, 0))
        yield opened


def generation(opened: socket.socket) -> int:
    """A number that grows with every change of the namespace's ruleset."""
    _send(opened, GET_GENERATION, _REQUEST, b"")
    data = opened.recv(_RECEIVE)
    _check(data, 0)
    return int.from_bytes(attributes(data[20:])[1], "big")


def dump(opened: socket.socket, kind: int, table: str, name: str | None = None) -> list[bytes]:
    """The attributes of each object of one kind in a table; of each part of a set's elements.

    :param name: of the set
    :raises Interrupted: what was read may be of two rulesets
    :raises FirewallError: the kernel refused, an absent set for instance
    """
    wanted = attribute(1, table.encode() + b"\0")
    if name is not None:
        wanted += attribute(2, name.encode() + b"\0")
    _send(opened, kind, _REQUEST | _DUMP, wanted)
    found: list[bytes] = []
    while True:
        data = opened.recv(_RECEIVE)
        at = 0
        while at < len(data):
            length, message, flags, _, _ = _HEADER.unpack_from(data, at)
            if flags & _INTERRUPTED:
                raise Interrupted
            if message == _DONE:
                return found
            if message == _ERROR:
                _check(data, at)
            found.append(data[at + 20 : at + length])
            at += length + 3 & ~3


def split(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Attributes in their order: type without flags, content."""
    at, end, unpack = 0, len(data), _SHORTS.unpack_from
    while at < end:
        length, kind = unpack(data, at)
        yield kind & 0x3FFF, data[at + 4 : at + length]
        at += length + 3 & ~3


def contents(data: bytes) -> list[bytes]:
    """What attributes of a list contain. Quick when they are alike, as elements of a set are."""
    step = _SHORTS.unpack_from(data)[0] if data else 0
    if step < 4 or step % 4 or len(data) % step:
        return [content for _, content in split(data)]
    pairs = list(struct.iter_unpack(f"4s{step - 4}s", data))
    head = data[:4]
    if any(other != head for other, _ in pairs):
        return [content for _, content in split(data)]
    return [content for _, content in pairs]


def attributes(data: bytes) -> Attributes:
    """Attributes by their type."""
    return dict(split(data))


def attribute(kind: int, content: bytes) -> bytes:
    """One attribute, padded."""
    padding = -len(content) % 4
    return _SHORTS.pack(len(content) + 4, kind) + content + bytes(padding)


def text(content: bytes) -> str:
    """A name."""
    return content.rstrip(b"\0").decode()


def _send(opened: socket.socket, kind: int, flags: int, content: bytes) -> None:
    body = _FAMILY.pack(_INET, 0, 0) + content
    opened.send(_HEADER.pack(16 + len(body), _SUBSYSTEM | kind, flags, 1, 0) + body)


def _check(data: bytes, at: int) -> None:
    _, message, _, _, _ = _HEADER.unpack_from(data, at)
    if message == _ERROR:
        number = -struct.unpack_from("=i", data, at + 16)[0]
        raise FirewallError("The kernel does not show its ruleset", os.strerror(number))
