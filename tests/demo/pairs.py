"""What only a load balancer with two amphorae can show: the one that serves dies."""

from __future__ import annotations

import os
import signal
import time
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
    """A failover makes both new, one after the other, and the client notices nothing."""
    old = {a.server.id for a in amphorae.of(story.client, story.web)}
    with story.report.step("failover: both are replaced, one after the other"):
        story.client.type("openstack loadbalancer failover web")
        story.client.settle("web")
        new = {a.server.id for a in story.amphorae()}
        expect(not old & new, f"{old & new} are still there")
        master(story)
        stays(story, client, member)
