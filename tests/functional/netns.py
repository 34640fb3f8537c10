"""Network namespaces, wires between them and single packets, for tests with a real kernel."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from pyroute2 import netns

T = TypeVar("T")

# The observer tells by this mark (IP id, IPv6 flow label) which packets a test has sent.
MARK = 0xBEEF
_OBSERVER = """
table inet observer_{hook} {{}}
delete table inet observer_{hook}
table inet observer_{hook} {{
  counter arrived {{ }}
  counter passed {{ }}
  chain early {{
    type filter hook {hook} priority {early};
    ip id {mark} counter name arrived
    ip6 flowlabel {mark} counter name arrived
  }}
  chain late {{
    type filter hook {hook} priority {late};
    ip id {mark} counter name passed
    ip6 flowlabel {mark} counter name passed
  }}
}}
"""


class Namespace:
    """One network namespace, with loopback up."""

    def __init__(self, prefix: str) -> None:
        self.name = f"{prefix}-{secrets.token_hex(3)}"
        run("ip", "netns", "add", self.name)
        self.ip("link", "set", "lo", "up")

    def delete(self) -> None:
        run("ip", "netns", "del", self.name)

    def ip(self, *words: str) -> str:
        return run("ip", "-n", self.name, *words)

    def nft(self, *words: str, stdin: str | None = None) -> str:
        """Run nft inside and return what it printed."""
        return run("ip", "netns", "exec", self.name, "nft", *words, stdin=stdin)

    def sysctl(self, key: str, value: str) -> None:
        run("ip", "netns", "exec", self.name, "sysctl", "-qw", f"{key}={value}")

    def inside(self, work: Callable[[], T]) -> T:
        """Call ``work`` in a thread that has entered the namespace."""

        def entered() -> T:
            with open(f"{netns.NETNS_RUN_DIR}/{self.name}") as handle:
                netns.setns(handle.fileno())
            return work()

        with concurrent.futures.ThreadPoolExecutor(max_workers=1) as pool:
            return pool.submit(entered).result()

    def socket(self, family: int, kind: int, protocol: int = 0) -> socket.socket:
        """A socket that lives in this namespace, usable from any thread."""
        return self.inside(lambda: socket.socket(family, kind, protocol))


class Observer:
    """Sees each marked packet before and after a chain of the table under test.

    :param nft: runs nft with these arguments (and standard input) where the table is
    :param hook: of the chain
    :param priority: of the chain; the default is the number behind the name ``raw``
    """

    def __init__(
        self, nft: Callable[..., str], hook: str = "prerouting", priority: int = -300
    ) -> None:
        self._nft = nft
        self._table = ("table", "inet", f"observer_{hook}")
        early, late = priority - 10, priority + 10
        nft("-f", "-", stdin=_OBSERVER.format(hook=hook, early=early, late=late, mark=MARK))

    def passes(self, wire: socket.socket, frame: bytes) -> bool:
        """Send one frame on ``wire``; True when the table under test let it through.

        Fails when the packet does not even arrive: then the test has proven nothing.
        """
        self._nft("reset", "counters", *self._table)
        wire.send(frame)
        deadline = time.monotonic() + 5
        while (seen := self.read())["arrived"] == 0:
            assert time.monotonic() < deadline, "the packet never arrived"
            time.sleep(0.005)
        if not seen["passed"]:
            # It may have been seen on its way between the two; give it time to get a verdict.
            time.sleep(0.02)
            seen = self.read()
        assert seen["arrived"] == 1
        return seen["passed"] == 1

    def read(self) -> dict[str, int]:
        """Packets that ``arrived`` and that ``passed``."""
        told = self._nft("-j", "list", "counters", *self._table)
        items = json.loads(told)["nftables"]
        return {i["counter"]["name"]: i["counter"]["packets"] for i in items if "counter" in i}


@contextlib.contextmanager
def namespace(prefix: str) -> Iterator[Namespace]:
    """A namespace that is gone afterwards, with everything in it."""
    space = Namespace(prefix)
    try:
        yield space
    finally:
        space.delete()


def join(here: Namespace, name: str, mac: str, there: Namespace, other: str) -> None:
    """A wire: interface ``name`` with this MAC here, interface ``other`` there; both up."""
    here.ip("link", "add", name, "address", mac, "type", "veth", "peer", other, "netns", there.name)
    here.ip("link", "set", name, "up")
    there.ip("link", "set", other, "up")


def tap(space: Namespace, interface: str) -> socket.socket:
    """A packet socket on an interface of the namespace."""
    opened = space.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
    opened.bind((interface, 0))
    return opened


def run(*command: str, stdin: str | None = None) -> str:
    """Run a command that must succeed and return its output."""
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
    return done.stdout


def is_root() -> bool:
    """True when namespaces and nft can be used directly."""
    return os.geteuid() == 0 and _works("unshare", "-n", "true")


def in_user_namespace() -> bool:
    """True when root here is not root of the machine."""
    with open("/proc/self/uid_map") as handle:
        return handle.read().split() != ["0", "0", "4294967295"]


def has_user_namespaces() -> bool:
    """True when an unprivileged process may be root in namespaces of its own."""
    return _works("unshare", "-Urnm", "sh", "-c", "mount -t tmpfs tmpfs /run && ip netns add x")


def _works(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
