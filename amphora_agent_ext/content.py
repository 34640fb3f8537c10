"""What the kernel holds, in few bytes, and what it has counted. Runs inside the namespace."""

from __future__ import annotations

import contextlib
import hashlib
import socket
from collections.abc import Callable
from typing import TypeVar

from amphora_agent_ext import netlink
from amphora_agent_ext.errors import FirewallError
from amphora_agent_ext.render import STOCK_TABLE, TABLE
from amphora_agent_ext.totals import COUNTED, Count, Tally

T = TypeVar("T")

_TRIES = 20
# What differs between two equal objects: handles, numbers of references, what was counted.
_TABLE_DIFFERS = {3, 4}
_CHAIN_DIFFERS = {2, 6, 8}
_RULE_DIFFERS = {3, 6}
_SET_DIFFERS = {10, 16, 20}
_OBJECT_DIFFERS = {4, 5, 6}
_ELEMENT_EXPRESSIONS = {7, 11}
_COUNTER_SET = {17, 18}
_COUNTER = (1).to_bytes(4, "big")
_PROTOCOLS = {6: "tcp", 17: "udp", 132: "sctp"}


def fingerprint(opened: socket.socket) -> tuple[int, str]:
    """The generation, and the SHA-256 of the table without what it counts. Empty: no table.

    Equal for equal tables: order in sets, handles and counters do not matter.
    """
    return _steady(opened, _fingerprint)


def tally(opened: socket.socket) -> Tally:
    """What the table has counted; its own size does not matter, that of the listeners does."""
    return _steady(opened, _tally)[1]


def _steady(opened: socket.socket, read: Callable[[socket.socket], T]) -> tuple[int, T]:
    """What ``read`` returns, of one generation of the ruleset."""
    for _ in range(_TRIES):
        before = netlink.generation(opened)
        with contextlib.suppress(netlink.Interrupted):
            found = read(opened)
            if netlink.generation(opened) == before:
                return before, found
    raise FirewallError("The ruleset changes too fast to be read")


def _fingerprint(opened: socket.socket) -> str:
    tables = [t for name in (TABLE, STOCK_TABLE) for t in _own(opened, netlink.GET_TABLE, name)]
    if not any(netlink.text(t[1]) == TABLE for t in tables):
        return ""
    records = [_record("table", t, _TABLE_DIFFERS) for t in tables]
    records += [_record("chain", c, _CHAIN_DIFFERS) for c in _own(opened, netlink.GET_CHAIN)]
    records += [_record("counter", c, _OBJECT_DIFFERS) for c in _own(opened, netlink.GET_OBJECT)]
    rules: dict[bytes, list[bytes]] = {}
    for rule in _own(opened, netlink.GET_RULE):
        rules.setdefault(rule[2], []).append(_record("rule", rule, _RULE_DIFFERS))
    records += [b"".join(found) for found in rules.values()]
    for block in _own(opened, netlink.GET_SET):
        records.append(_record("set", block, _SET_DIFFERS) + _elements(opened, block))
    return hashlib.sha256(b"".join(sorted(records))).hexdigest()


def _own(opened: socket.socket, kind: int, table: str = TABLE) -> list[netlink.Attributes]:
    """Not every kind of dump is limited to a table by the kernel."""
    found = map(netlink.attributes, netlink.dump(opened, kind, table))
    return [item for item in found if netlink.text(item[1]) == table]


def _record(kind: str, item: netlink.Attributes, differing: set[int]) -> bytes:
    kept = (netlink.attribute(n, item[n]) for n in sorted(item) if n not in differing)
    return kind.encode() + b"".join(kept)


def _elements(opened: socket.socket, block: netlink.Attributes) -> bytes:
    """The digest of a set's elements, whatever their order."""
    found: list[bytes] = []
    counted = not _COUNTER_SET.isdisjoint(block)
    for part in netlink.dump(opened, netlink.GET_ELEMENTS, TABLE, netlink.text(block[2])):
        elements = _parts(part)
        found += map(_without_counter, elements) if counted else elements
    found.sort()
    return hashlib.sha256(b"".join(found)).digest()


def _parts(part: bytes) -> list[bytes]:
    """The elements in one message."""
    return netlink.contents(netlink.attributes(part).get(3, b""))


def _without_counter(element: bytes) -> bytes:
    pairs = netlink.split(element)
    return b"".join(netlink.attribute(n, c) for n, c in pairs if n not in _ELEMENT_EXPRESSIONS)


def _tally(opened: socket.socket) -> Tally:
    named = {
        netlink.text(item[2]): _count(item[4])
        for item in _own(opened, netlink.GET_OBJECT)
        if item[3] == _COUNTER
    }
    return Tally(named, {name: _counted(opened, name) for name in COUNTED})


def _counted(opened: socket.socket, name: str) -> dict[str, Count]:
    parts = netlink.dump(opened, netlink.GET_ELEMENTS, TABLE, name)
    return dict(_port(netlink.attributes(e)) for part in parts for e in _parts(part))


def _port(element: netlink.Attributes) -> tuple[str, Count]:
    """The key of an element as it is rendered, and what it has counted."""
    key = netlink.attributes(element[1])[1]
    expression = netlink.attributes(element[7])
    port = int.from_bytes(key[4:6], "big")
    return f"{_PROTOCOLS.get(key[0], key[0])} . {port}", _count(expression[2])


def _count(content: bytes) -> Count:
    found = netlink.attributes(content)
    return Count(int.from_bytes(found[2], "big"), int.from_bytes(found[1], "big"))
