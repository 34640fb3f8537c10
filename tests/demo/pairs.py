"""What only a load balancer with two amphorae can show: the one that serves dies."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any

from tests.demo import amphorae, chapters, vitals
from tests.demo.amphorae import Amphora
from tests.demo.hosts import Host
from tests.demo.report import expect, wait_for
from tests.demo.session import Session
from tests.demo.settings import HEARTBEAT_TIMEOUT

if TYPE_CHECKING:
    from tests.demo.story import Story

# Seconds: VRRP gives a master up after three advertisements, one a second, that did not come.
TAKEOVER = 6.0
# Seconds from the death of an amphora until another one has taken its place.
REPLACED = HEARTBEAT_TIMEOUT + 160.0


def takeover(story: Story) -> None:
    """The master dies; the other one takes the VIP, the health manager replaces the dead one, and
    the client stays on its member all the time."""
    client = story.hosts.stranger
    member = stick(story, client)
    with Session(client, chapters.url(story)) as session:
        dead, survivor = master(story), standby(story)
        with story.report.step("the master dies: the other amphora takes the VIP"):
            killed = dead.kill()
            seconds = session.answered_after(killed) - killed
            story.report.seen(f"{dead.server.name} killed; answers again after {seconds:.1f} s")
            expect(seconds < TAKEOVER, f"nobody answered for {seconds:.1f} s")
            expect(survivor.has(story.web.vip_address), "the other amphora answers without the VIP")
        with story.report.step("the health manager replaces the dead amphora"):
            replaced(story, dead, survivor, killed)
    text = f"longest silence {session.longest:.1f} s, {session.number} answers, all of {member}"
    expect(session.members == {member}, f"{client.name} was on {member}, got {session.members}")
    expect(session.longest < TAKEOVER, f"nobody answered for {session.longest:.1f} s")
    story.report.seen(f"{client.name} before, during and after: {text}")


def replaced(story: Story, dead: Amphora, survivor: Amphora, killed: float) -> None:
    """By nobody's command: the new one is there, whole, and knows the session."""
    counted = vitals.connections(story)
    wait_for("a new amphora", lambda: ready(story, dead), REPLACED, 1)
    seconds = time.monotonic() - killed
    story.report.seen(
        f"replaced after {seconds:.0f} s, of which {HEARTBEAT_TIMEOUT} s of silence are its death"
    )
    expect(story.client.settle("web").operating_status == "ONLINE", "web is not ONLINE")
    vip = story.web.vip_address
    (new,) = (a for a in story.amphorae() if a.server.id != survivor.server.id)
    expect(survivor.has(vip) and not new.has(vip), "the VIP has moved again")
    chapters.bound(story, new)
    wait_for("the session in the new amphora", lambda: remembered(story, new), 20)
    story.report.seen(f"{new.server.name} has its VFs and remembers the client")
    total = wait_for(
        "statistics", lambda: max(0, vitals.connections(story) - counted), vitals.HEARD
    )
    story.report.seen(f"statistics went on: {total} connections more")


def ready(story: Story, dead: Amphora) -> bool:
    """Two amphorae are in service and heard, none of them the dead one, and its server is gone."""
    if story.client.api.compute.find_server(dead.server.id, all_projects=True):
        return False
    if len(amphorae.of(story.client, story.web)) != 2:
        return False
    listed = story.client.operate("amphora", "list", "--lb", story.web.id, "-f", "json")
    expect(listed.returncode == 0, f"amphora list: {listed.stderr}")
    rows: list[dict[str, Any]] = json.loads(listed.stdout)
    return len(rows) == 2 and all(r["state"] == "ready" and r["heartbeat"] for r in rows)


def stick(story: Story, client: Host) -> str:
    """Session persistence by a table of haproxy's, which the two keep alike; the member."""
    with story.report.step("pool with session persistence SOURCE_IP"):
        story.client.type(
            "openstack loadbalancer pool set --session-persistence type=SOURCE_IP pool"
        )
        story.client.settle("web")
        wait_for("an answer", lambda: client.get(chapters.url(story)), seconds=20)
        member = stays(story, client)
        idle = standby(story)
        wait_for(
            "the client in the table of the other amphora", lambda: remembered(story, idle), 10
        )
        story.report.seen(f"{idle.server.name}, without the VIP, remembers the client too")
    return member


def remembered(story: Story, amphora: Amphora) -> int:
    """Sessions in the stick tables of an amphora's haproxy."""
    ask = f"echo show table | socat stdio /var/lib/octavia/{story.web.id}.sock"
    return sum(map(int, re.findall(r"used:(\d+)", amphora.run("sh", "-c", ask))))


def stays(story: Story, client: Host) -> str:
    """Every answer comes from one member, which is returned."""
    seen = [client.get(chapters.url(story)) for _ in range(6)]
    member = seen[0]
    expect(member and set(seen) == {member}, f"{client.name} does not stay on a member: {seen}")
    story.report.seen(f"{client.name} is on {member} every time")
    return str(member)


def master(story: Story) -> Amphora:
    """The amphora that has the VIP; there is exactly one."""
    holders = [a for a in story.amphorae() if a.has(story.web.vip_address)]
    expect(len(holders) == 1, f"{len(holders)} amphorae have the VIP")
    return holders[0]


def standby(story: Story) -> Amphora:
    """The amphora without the VIP; there is exactly one."""
    others = [a for a in story.amphorae() if not a.has(story.web.vip_address)]
    expect(len(others) == 1, f"{len(others)} amphorae are without the VIP")
    return others[0]
