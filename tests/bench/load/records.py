"""Compute and network as records, in a process of their own: the worker's memory is its own, and
what the records cost is not the worker's time."""

from __future__ import annotations

import collections
import ipaddress
import itertools
from collections.abc import Iterator
from multiprocessing.managers import BaseManager

from sriov_provider.compute.base import ServerSpec
from sriov_provider.network.base import Subnet
from tests.fakes.cloud import FakeCloud

KEY = b"bench"
# Enough for two VFs each of many load balancers, and a replacement.
VFS = 20_000


class Records(FakeCloud):
    """The fake cloud with nothing in it whose cost grows with what is there."""

    def __init__(self) -> None:
        super().__init__(hosts=2, vfs=VFS)
        self.log = collections.deque(maxlen=0)  # type: ignore[assignment]
        self._spare: dict[str, Iterator[str]] = {}
        self._turn = itertools.cycle(self.hosts)
        for n, name in enumerate(("mgmt", "vip", "member", "more")):
            first = f"10.{n * 16}.0.1"
            self.add_subnet(f"{name}-subnet", f"{name}-net", f"10.{n * 16}.0.0/12", first)

    def _free_address(self, subnet: Subnet) -> str:
        if subnet.id not in self._spare:
            hosts = ipaddress.ip_network(subnet.cidr).hosts()
            self._spare[subnet.id] = (str(h) for h in hosts if str(h) != subnet.gateway)
        return next(self._spare[subnet.id])

    def _schedule(self, spec: ServerSpec) -> str | None:
        return next(self._turn)


class Manager(BaseManager):
    """Serves and reaches the records."""


_ONE: list[Records] = []


def _records() -> Records:
    if not _ONE:
        _ONE.append(Records())
    return _ONE[0]


Manager.register(
    "records", callable=_records, exposed=[n for n in dir(Records) if not n.startswith("_")]
)


def connect(address: str) -> Records:
    """A proxy that looks like the records; may be shared by threads."""
    manager = Manager(address=address, authkey=KEY)
    manager.connect()
    return manager.records()  # type: ignore[attr-defined, no-any-return]
