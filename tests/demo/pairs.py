"""What only a load balancer with two amphorae can show: the one that serves dies."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from functools import partial
from typing import TYPE_CHECKING

from tests.demo import amphorae, chapters
from tests.demo.amphorae import Amphora
from tests.demo.hosts import Host
from tests.demo.report import expect, wait_for
from tests.demo.virt import server

if TYPE_CHECKING:
    from tests.demo.story import Story

# Seconds: VRRP gives a master up after three advertisements, one a second, that did not come.
TAKEOVER = 6.0


def takeover(story: Story) -> None:
    """The master dies; the other one takes the VIP, and the client stays on its member."""
    client = story.hosts.stranger
    stick(story, client)
    dead = master(story)
    with story.report.step("the master dies: the other amphora takes the VIP"):
        before = client.get(chapters.url(story))
        kill(dead)
        seconds = silence(story, client)
        story.report.seen(f"{dead.server.name} killed; answers again after {seconds:.1f} s")
        expect(seconds < TAKEOVER, f"nobody answered for {seconds:.1f} s")
        stays(story, client, before)
    replace(story, client, before)


def stick(story: Story, client: Host) -> None:
    """Session persistence by a table of haproxy's, which the two keep alike."""
    with story.report.step("pool with session persistence SOURCE_IP"):
        story.client.type(
            "openstack loadbalancer pool set --session-persistence type=SOURCE_IP pool"
        )
        story.client.settle("web")
        wait_for("an answer", lambda: client.get(chapters.url(story)), seconds=20)
        stays(story, client, client.get(chapters.url(story)))
        (idle,) = (a for a in story.amphorae() if not holds_vip(story, a))
        wait_for(
            "the client in the table of the other amphora", lambda: remembered(story, idle), 10
        )
        story.report.seen(f"{idle.server.name}, without the VIP, remembers the client too")


def remembered(story: Story, amphora: Amphora) -> int:
    """Sessions in the stick tables of an amphora's haproxy."""
    ask = f"echo show table | socat stdio /var/lib/octavia/{story.web.id}.sock"
    return sum(map(int, re.findall(r"used:(\d+)", amphora.run("sh", "-c", ask))))


def stays(story: Story, client: Host, member: str | None) -> None:
    """Every answer comes from this member."""
    seen = [client.get(chapters.url(story)) for _ in range(6)]
    expect(member and set(seen) == {member}, f"{client.name} was on {member}, then got {seen}")
    story.report.seen(f"{client.name} is on {member} every time")


def holds_vip(story: Story, amphora: Amphora) -> bool:
    """The VIP is on an interface of this amphora."""
    return f" {story.web.vip_address}/" in amphora.run("ip", "-o", "addr")


def master(story: Story) -> Amphora:
    """The amphora that has the VIP; there is exactly one."""
    holders = [a for a in story.amphorae() if holds_vip(story, a)]
    expect(len(holders) == 1, f"{len(holders)} amphorae have the VIP")
    return holders[0]


def kill(amphora: Amphora) -> None:
    """All of a server's processes and interfaces go at once."""
    pid = int((server.directory(amphora.server.id) / "init.pid").read_text())
    os.kill(pid, signal.SIGKILL)


def silence(story: Story, client: Host) -> float:
    """Seconds until somebody answers."""
    begun = time.monotonic()
    wait_for("an answer", lambda: client.get(chapters.url(story), seconds=1), seconds=60)
    return time.monotonic() - begun


def replace(story: Story, client: Host, member: str | None) -> None:
    """A failover makes both new, one after the other, and the client hardly notices."""
    old = {a.server.id for a in amphorae.of(story.client, story.web)}
    with (
        story.report.step("failover: both are replaced, one after the other"),
        Gaps(story, client) as gaps,
    ):
        story.client.type("openstack loadbalancer failover web")
        story.client.settle("web")
        new = {a.server.id for a in story.amphorae()}
        expect(not old & new, f"{old & new} are still there")
        master(story)
        stays(story, client, member)
    story.report.seen(f"longest silence during the failover: {gaps.longest:.1f} s")
    expect(gaps.longest < TAKEOVER, f"nobody answered for {gaps.longest:.1f} s")


class Gaps:
    """Asks all the time.

    :ivar longest: seconds between two answers
    """

    def __init__(self, story: Story, client: Host) -> None:
        self._ask = partial(client.get, chapters.url(story), seconds=1)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self.longest = 0.0

    def __enter__(self) -> Gaps:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _keep(self) -> None:
        last = time.monotonic()
        while not self._end.wait(0.2):
            answer, now = self._ask(), time.monotonic()
            self.longest = max(self.longest, now - last)
            last = now if answer else last
