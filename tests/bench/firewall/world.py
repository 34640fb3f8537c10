"""Amphorae to flood: each a network namespace with one interface, wired to one sender."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator, Sequence

from tests.bench.firewall import frames, sender
from tests.bench.firewall.cases import FIRST_PORT, MAC, VIP
from tests.bench.firewall.frames import Segment
from tests.functional.netns import Namespace, join, namespace

# Behind every filter, in front of sockets: ends the way of what was let in, and counts it.
_SINK = f"""
table ip sink {{
  counter arrived {{ }}
  chain input {{
    type filter hook input priority filter + 10; policy accept;
    ip id {frames.FLOOD} counter name arrived drop
  }}
}}
"""
_SECONDS = 2


class Receiver:
    """One amphora and the wire to it.

    :param space: its namespace, with an interface of the amphora's name and address
    :param wire: packet socket at the other end
    """

    def __init__(self, space: Namespace, wire: socket.socket, stack: contextlib.ExitStack) -> None:
        self.space, self.wire = space, wire
        self._statistics = space.inside(
            lambda: os.open("/proc/thread-self/net/snmp", os.O_RDONLY | os.O_CLOEXEC)
        )
        stack.callback(os.close, self._statistics)
        self._server = stack.enter_context(space.socket(socket.AF_INET, socket.SOCK_STREAM))
        self._server.bind(("0.0.0.0", FIRST_PORT))
        self._server.listen()

    def received(self) -> int:
        """IPv4 packets that the stack has begun to work on."""
        names, values = os.pread(self._statistics, 4096, 0).splitlines()[:2]
        return int(values.split()[names.split().index(b"InReceives")])

    def arrived(self) -> int:
        """Packets of floods that were let in."""
        told = json.loads(self.space.nft("-j", "list", "counters", "table", "ip", "sink"))
        return next(int(i["counter"]["packets"]) for i in told["nftables"] if "counter" in i)

    def burst(self, flood: Sequence[Segment]) -> sender.Burst:
        return sender.Burst([segment.frame(MAC) for segment in flood])

    def shake(self, opening: Segment) -> tuple[int, int]:
        """Open a connection; sequence and acknowledgement number of its next segment."""
        self.space.ip(
            *("neigh", "replace", opening.source, "dev", "eth1"),
            *("lladdr", "fa:16:3e:ff:ff:01", "nud", "permanent"),
        )
        self.wire.send(opening.frame(MAC))
        answer = self._answer(opening.sport)
        seq, ack = opening.seq + 1, answer.seq + 1
        last = Segment(
            *(opening.source, VIP, opening.sport, opening.dport),
            *(frames.ACK, seq, ack),
            flood=False,
        )
        self.wire.send(last.frame(MAC))
        self._server.settimeout(_SECONDS)
        self._server.accept()[0].detach()  # stays open until the namespace goes
        return seq, ack

    def _answer(self, port: int) -> frames.Answer:
        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline:
            answer = frames.read(self.wire.recv(2048))
            if answer and answer.dport == port and answer.flags == frames.SYN | frames.ACK:
                return answer
        raise TimeoutError("nobody answered")


@contextlib.contextmanager
def world(count: int) -> Iterator[list[Receiver]]:
    """So many amphorae without any firewall; gone afterwards."""
    with contextlib.ExitStack() as stack:
        outside = stack.enter_context(namespace("flood"))
        yield [_receiver(outside, n, stack) for n in range(count)]


def _receiver(outside: Namespace, n: int, stack: contextlib.ExitStack) -> Receiver:
    space = stack.enter_context(namespace("amphora"))
    space.sysctl("net.ipv6.conf.default.disable_ipv6", "1")
    # A network card would have looked at the checksum.
    space.sysctl("net.netfilter.nf_conntrack_checksum", "0")
    for name in ("all", "default"):
        space.sysctl(f"net.ipv4.conf.{name}.rp_filter", "0")
    join(space, "eth1", MAC, outside, f"amphora{n}")
    space.ip("addr", "add", f"{VIP}/24", "dev", "eth1")
    space.ip("route", "add", "default", "dev", "eth1")
    space.nft("-f", "-", stdin=_SINK)
    wire = outside.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
    stack.enter_context(wire)
    wire.bind((f"amphora{n}", 0))
    wire.settimeout(_SECONDS)
    sender.tune(wire)
    return Receiver(space, wire, stack)
