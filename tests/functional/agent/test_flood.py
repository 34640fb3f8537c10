"""A flood of packets that may come in and of packets that may not, while the rules change.

``SRIOV_TESTS_REBUILDS=1000`` changes them so many times instead of a few dozen.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from scapy.layers.inet import IP
from scapy.layers.inet6 import ICMPv6ND_NS, ICMPv6PacketTooBig, IPv6
from scapy.packet import Packet

from amphora_agent_ext import kernel, render, schema
from tests.functional import netns
from tests.functional.agent.conftest import (
    BASE4,
    BASE6,
    MEMBER4,
    MEMBER6,
    PEER4,
    PEER6,
    SERVER4,
    SERVER6,
    VIP4,
    VIP6,
    Amphora,
    document,
)
from tests.functional.agent.packets import frame, icmp, ip, tcp, udp, vrrp
from tests.functional.agent.tracking import assert_nothing_is_tracked

REBUILDS = int(os.environ.get("SRIOV_TESTS_REBUILDS", "48"))
pytestmark = [pytest.mark.root, pytest.mark.timeout(max(300, 3 * REBUILDS))]

# Allowed (port, CIDR) pairs of the documents in turn; each is changed a little three times.
SIZES = (10, 100, 10_000, 10, 1_000, 100, 1_000)
# Only real root may enlarge a netlink socket's buffer.
MOST = 1_000 if netns.in_user_namespace() else 10_000
STEPS = 4
CLIENT4, CLIENT6 = "10.9.8.7", "2001:db8:a::7"
STRANGER4, STRANGER6 = "192.0.2.7", "2001:db8:b::7"
MARKS = {"right": 0xA11, "wrong": 0xBAD}

RIGHT = {
    "eth1": [
        *(tcp(CLIENT4, VIP4, 40000, 443, flags) for flags in ("S", "A", "PA")),
        *(tcp(CLIENT6, VIP6, 40000, 443, flags) for flags in ("S", "A", "PA")),
        *(tcp(STRANGER4, VIP4, 40000, 80), tcp(STRANGER6, VIP6, 40000, 80)),
        *(tcp(SERVER4, VIP4, 8080, 50000, "A"), tcp(SERVER6, BASE6, 8080, 50000, "SA")),
        *(vrrp(PEER4, BASE4), vrrp(PEER6, BASE6), tcp(PEER4, BASE4, 50000, 1025)),
        *(icmp(STRANGER4, VIP4, 3, 4), ip(STRANGER6, VIP6) / ICMPv6PacketTooBig()),
        ip(STRANGER6, VIP6, 255) / ICMPv6ND_NS(tgt=VIP6),
    ],
    "eth2": [tcp(SERVER4, MEMBER4, 8080, 50000, "A"), tcp(SERVER6, MEMBER6, 8080, 50000, "FA")],
    "eth3": [tcp(STRANGER4, "198.18.48.9", 40000, 22)],
}
WRONG = {
    "eth1": [
        *(tcp(STRANGER4, VIP4, 40000, 443, flags) for flags in ("S", "A", "PA")),
        *(tcp(STRANGER6, VIP6, 40000, 443, flags) for flags in ("S", "A", "PA")),
        *(tcp(CLIENT4, VIP4, 40000, 22), tcp(CLIENT6, VIP6, 40000, 22)),
        *(udp(CLIENT4, VIP4, 40000, 443), tcp(CLIENT4, BASE4, 40000, 443)),
        *(tcp(SERVER4, VIP4, 8080, 50000, "S"), tcp(SERVER6, BASE6, 8081, 50000, "A")),
        *(vrrp(STRANGER4, BASE4), vrrp(PEER6, BASE6, 254), tcp(PEER4, BASE4, 50000, 1026)),
        *(tcp(VIP4, VIP4, 40000, 80), tcp(CLIENT4, "198.18.16.77", 40000, 80)),
    ],
    "eth2": [tcp(SERVER4, MEMBER4, 8080, 50000, "S"), tcp(CLIENT6, MEMBER6, 40000, 80)],
    "eth4": [tcp(CLIENT4, VIP4, 40000, 80)],
    "eth5": [tcp(CLIENT4, VIP4, 40000, 80)],
}


def marked(kind: str, packet: Packet) -> Packet:
    copy = packet.copy()
    if IP in copy:
        copy[IP].id = MARKS[kind]
    else:
        copy[IPv6].fl = MARKS[kind]
    return copy


FRAMES = [
    (kind, interface, frame(interface, marked(kind, packet)))
    for kind, packets in (("right", RIGHT), ("wrong", WRONG))
    for interface, some in packets.items()
    for packet in some
]


class Flood:
    """Sends all frames in turn, again and again, from a thread of its own.

    :ivar sent: how many of each kind
    """

    def __init__(self, amphora: Amphora) -> None:
        self.sent = dict.fromkeys(MARKS, 0)
        self._wires = amphora.cabling.wires
        self._nft = amphora.space.nft
        self._end = threading.Event()
        self._nft("-f", "-", stdin=_counters())

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        sender = threading.Thread(target=self._send)
        sender.start()
        try:
            yield
        finally:
            self._end.set()
            sender.join()

    def seen(self) -> dict[str, int]:
        """Packets that ``arrived`` and that ``passed``, of each kind."""
        items = json.loads(self._nft("-j", "list", "counters", "table", "inet", "flood"))
        found = (i["counter"] for i in items["nftables"] if "counter" in i)
        return {c["name"]: c["packets"] for c in found}

    def _send(self) -> None:
        # Half of each kind; the one that is shorter starts again.
        kinds = [[f for f in FRAMES if f[0] == kind] for kind in MARKS]
        pairs = zip(*map(itertools.cycle, kinds), strict=False)
        while not self._end.is_set():
            for kind, interface, content in itertools.chain(*itertools.islice(pairs, 25)):
                with contextlib.suppress(BlockingIOError):
                    self.sent[kind] += self._wires[interface].send(content) == len(content)
            self._end.wait(0.001)


def _counters() -> str:
    def chain(name: str, priority: int) -> str:
        rules = (
            f"{key} {mark} counter name {kind}_{name}"
            for key in ("ip id", "ip6 flowlabel")
            for kind, mark in MARKS.items()
        )
        hook = f"type filter hook prerouting priority {priority};"
        return f"chain {name} {{ {hook}\n" + "\n".join(rules) + "\n}\n"

    counters = "\n".join(f"counter {k}_{n} {{ }}" for k in MARKS for n in ("arrived", "passed"))
    chains = chain("arrived", -310) + chain("passed", -290)
    before = "table inet flood {}\ndelete table inet flood\n"
    return f"{before}table inet flood {{\n{counters}\n{chains}}}\n"


def changing(number: int) -> dict[str, Any]:
    """The document of a rebuild: other things differ than what the packets are judged by."""
    turn, step = divmod(number, STEPS)
    size = min(MOST, SIZES[turn % len(SIZES)])
    ports = max(1, size // 100)
    listeners = document()["listeners"]
    listeners += [
        {
            "id": f"more-{turn}-{port}",
            "protocol": "tcp",
            "port": 2000 + (turn % 2) * 500 + port,
            "allowed_cidrs": [cidr(turn + port + n) for n in range(min(size, 100))],
        }
        for port in range(ports)
    ]
    # The small changes: the listener that is tested, another one, members, an option.
    listeners[1]["allowed_cidrs"] += [f"192.168.{number % 250}.0/24", cidr(number)][: step + 1]
    listeners[-1]["allowed_cidrs"] += [cidr(5000 + number + n) for n in range(step)]
    members = document()["members"]
    members += [
        {"address": f"198.18.33.{n + 1}", "protocol": "tcp", "port": 80} for n in range(step)
    ]
    return document(listeners=listeners, members=members, echo=step == 2)


def cidr(number: int) -> str:
    """One of many networks that do not overlap, of both families and few prefix lengths."""
    if number % 4 == 3:
        return f"2001:db8:1000:{number:x}::/64"
    length, high, low = 24 + number % 4, number // 200 % 16, number % 200
    return f"172.{16 + high}.{low}.0/{length}"


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of each transaction whether it makes the table anew."""
    written: list[bool] = []
    replace = kernel.replace

    def spy(name: str, text: str) -> None:
        written.append(f"delete table inet {render.TABLE}\n" in text)
        replace(name, text)

    monkeypatch.setattr(kernel, "replace", spy)
    return written


def test_no_packet_is_judged_wrong_while_the_rules_change(
    ready: Amphora, written: list[bool]
) -> None:
    """Changed as the agent chooses."""
    flood = Flood(ready)
    with flood.running():
        for number in range(REBUILDS):
            ready.firewall.apply(schema.parse(changing(number)))
    seen = flood.seen()
    print(f"\n{sum(written)} of {len(written)} made anew, sent {flood.sent}, {seen}")
    assert len(written) == REBUILDS
    assert seen["right_arrived"] == flood.sent["right"] > REBUILDS
    assert seen["wrong_arrived"] == flood.sent["wrong"] > REBUILDS
    assert seen["wrong_passed"] == 0
    assert seen["right_passed"] == flood.sent["right"]
    assert_nothing_is_tracked(ready.space)


def test_nothing_wrong_gets_in_while_the_table_is_made_anew(
    ready: Amphora, written: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after an upgrade of the agent, or when somebody else has changed the table.

    A packet on its way through the old rules no longer finds what they look up, and the old base
    chain is empty some microseconds before it is gone. So a few are dropped that might come in.
    """
    flood, rebuilds = Flood(ready), min(REBUILDS, 100)
    with flood.running():
        for number in range(rebuilds):
            monkeypatch.setattr(render, "EDITION", 1000 + number)
            ready.firewall.apply(schema.parse(changing(number)))
    seen = flood.seen()
    print(f"\n{sum(written)} of {len(written)} made anew, sent {flood.sent}, {seen}")
    assert written == [True] * rebuilds
    assert seen["wrong_arrived"] == flood.sent["wrong"] > rebuilds
    assert seen["wrong_passed"] == 0
    assert seen["right_passed"] > 0.995 * flood.sent["right"]
    assert_nothing_is_tracked(ready.space)
