"""One situation for all subjects: who may connect where, and the packets that try. Pure."""

from __future__ import annotations

import dataclasses
import functools
import ipaddress
import json
from collections.abc import Iterator, Sequence
from typing import Any

from amphora_agent_ext import model, schema
from sriov_provider import tree
from sriov_provider.firewall import document
from sriov_provider.vnic import Filter
from tests.bench.firewall.frames import ACK, SYN, Segment

VIP, BASE, PEER, STRANGER = "198.51.100.5", "198.51.100.9", "198.51.100.10", "9.9.9.9"
MAC = "fa:16:3e:00:00:01"
FIRST_PORT, OPEN_PORT = 8000, 443
LISTENERS, MEMBERS = 10, 10
PORT_OF_NEW, PORT_OF_OLD = 40000, 40001
# How many sources take turns in the case that uses all.
_SPREAD = 1024


@dataclasses.dataclass(frozen=True)
class Shape:
    """Which prefix lengths the networks have, in equal parts."""

    name: str
    lengths: tuple[int, ...]


FEW = Shape("few", (20, 24, 32))
MANY = Shape("many", tuple(range(16, 33)))
SHAPES = (FEW, MANY)


@dataclasses.dataclass(frozen=True)
class Case:
    """What a flood consists of.

    :ivar allowed: every packet gets in, else none does
    :ivar established: its packets belong to a connection that was opened before
    """

    name: str
    allowed: bool = True
    established: bool = False


FIRST, LAST, ANY = Case("first CIDR"), Case("last CIDR"), Case("every CIDR in turn")
OPEN = Case("open listener")
ESTABLISHED = Case("established", established=True)
REFUSED, NEIGHBOUR = Case("refused", allowed=False), Case("refused, neighbour", allowed=False)
CASES = (FIRST, LAST, ANY, ESTABLISHED, OPEN, REFUSED, NEIGHBOUR)


def networks(count: int, shape: Shape, skip: int = 0) -> Iterator[ipaddress.IPv4Network]:
    """So many networks that cannot be merged, the largest ones first.

    :param skip: addresses to leave out at the beginning, for other networks of the same shape
    """
    place = int(ipaddress.IPv4Address("10.0.0.0")) + skip
    for n in range(count):
        length = shape.lengths[n * len(shape.lengths) // count]
        size = 1 << (32 - length)
        place = -(-place // size) * size  # the next one that may begin a network
        yield ipaddress.IPv4Network((place, length))
        place += 2 * size  # a gap, so that two never make one


@dataclasses.dataclass(frozen=True)
class Situation:
    """A load balancer whose restricted listeners share so many (port, CIDR) pairs.

    :ivar pairs: 1 or a multiple of 10
    :ivar extra: one more CIDR on the first listener
    :ivar skip: see :func:`networks`
    """

    pairs: int
    shape: Shape
    extra: bool = False
    skip: int = 0

    @functools.cached_property
    def listeners(self) -> int:
        return min(LISTENERS, -(-self.pairs // 10))

    @functools.cached_property
    def cidrs(self) -> tuple[str, ...]:
        return tuple(map(str, networks(self.pairs // self.listeners, self.shape, self.skip)))

    @functools.cached_property
    def load_balancer(self) -> tree.LoadBalancer:
        restricted = [
            tree.Listener(f"listener-{n}", "TCP", FIRST_PORT + n, allowed_cidrs=self._cidrs(n))
            for n in range(self.listeners)
        ]
        members = tuple(
            tree.Member(f"m-{n}", "pool", f"192.0.2.{n + 1}", 80, subnet_id="s")
            for n in range(MEMBERS)
        )
        return tree.LoadBalancer(
            *("lb", "project", VIP, "port", "subnet", "network"),
            listeners=(*restricted, tree.Listener("open", "TCP", OPEN_PORT)),
            pools=(tree.Pool("pool", "TCP", "ROUND_ROBIN", members=members),),
        )

    def _cidrs(self, n: int) -> tuple[str, ...]:
        return (*self.cidrs, "9.9.8.7/32") if self.extra and n == 0 else self.cidrs

    @functools.cached_property
    def body(self) -> Any:
        """The JSON the worker posts."""
        interface = document.Interface(MAC, Filter.AMPHORA, (VIP,), (BASE,))
        port = document.peer_port(self.load_balancer)
        made = document.document(self.load_balancer, [interface], [PEER], port)
        return json.loads(json.dumps(made))

    @functools.cached_property
    def document(self) -> model.Document:
        """What the agent reads from the body."""
        return schema.parse(self.body)

    def flood(self, case: Case) -> Sequence[Segment]:
        """The packets of a case, to be repeated."""
        last = FIRST_PORT + self.listeners - 1
        if case is ANY:
            step = max(1, self.pairs // _SPREAD)
            pairs = [(c, FIRST_PORT + n) for n in range(self.listeners) for c in self.cidrs]
            return [_opening(_within(c), port) for c, port in pairs[::step]][:_SPREAD]
        if case is ESTABLISHED:
            return [dataclasses.replace(self.connection, flags=ACK)]
        source, port = {
            FIRST: (_within(self.cidrs[0]), FIRST_PORT),
            LAST: (_within(self.cidrs[-1]), last),
            OPEN: (STRANGER, OPEN_PORT),
            REFUSED: (STRANGER, last),
            NEIGHBOUR: (_within(self.cidrs[-1], 1), last),
        }[case]
        return [_opening(source, port)]

    @functools.cached_property
    def connection(self) -> Segment:
        """What opens the connection of the case that needs one."""
        return Segment(_within(self.cidrs[0]), VIP, PORT_OF_OLD, FIRST_PORT, flood=False)


def _within(cidr: str, beyond: int = 0) -> str:
    """The last address of a network, or one beyond it."""
    return str(ipaddress.IPv4Network(cidr)[-1] + beyond)


def _opening(source: str, port: int) -> Segment:
    return Segment(source, VIP, PORT_OF_NEW, port, SYN)
