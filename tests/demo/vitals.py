"""What heartbeats of amphorae tell Octavia: operating statuses and statistics."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.demo import chapters
from tests.demo.report import expect, wait_for

if TYPE_CHECKING:
    from tests.demo.story import Story

# Seconds from an event to what Octavia shows: a heartbeat every three, and its way to Octavia.
HEARD = 30.0
MONITOR = "--type HTTP --delay 1 --timeout 1 --max-retries 1 --max-retries-down 1"


def statuses(story: Story) -> dict[str, str]:
    """Operating statuses, by name."""
    found = {"web": story.client.balancer("web")}
    found |= {n: chapters.child(story, k, n) for k, n in (("listener", "http"), ("pool", "pool"))}
    for member in story.hosts.members:
        found[member.name] = chapters.child(story, "member", member.name)
    return {name: str(shown.operating_status) for name, shown in found.items()}


def shows(story: Story, wanted: dict[str, str]) -> None:
    """Waits until these have the statuses, and all others are ONLINE."""
    expected = dict.fromkeys(statuses(story), "ONLINE") | wanted

    def probe() -> bool:
        seen.update(statuses(story))
        return seen == expected

    seen: dict[str, str] = {}
    try:
        wait_for(f"statuses {expected}", probe, HEARD, 0.5)
    finally:
        story.report.seen(", ".join(f"{name} {status}" for name, status in seen.items()))


def connections(story: Story) -> int:
    """All connections the load balancer ever had."""
    found = story.client.api.load_balancer.get_load_balancer_statistics(story.web.id)
    return int(found.total_connections)


def heard(story: Story) -> None:
    """ONLINE, and every request is counted."""
    client = story.hosts.friend
    with story.report.step("heartbeats: everything is ONLINE, and connections are counted"):
        shows(story, {member.name: "NO_MONITOR" for member in story.hosts.members})
        before = connections(story)
        answers = [client.get(chapters.url(story)) for _ in range(5)]
        expect(all(answers), f"no answers: {answers}")
        wait_for("5 connections more", lambda: connections(story) >= before + 5, HEARD, 0.5)
        text = story.client.type("openstack loadbalancer stats show -f json web")
        told = json.loads(text)
        story.report.seen(f"{told['total_connections']} connections, {told['bytes_out']} bytes out")
        expect(told["total_connections"] >= before + 5, f"statistics: {told}")


def sick(story: Story) -> None:
    """A member whose web server is stopped; a change of the load balancer does not cover it up."""
    healthy, ill = story.hosts.members
    with story.report.step(f"health monitor: {ill.name} stops and starts again"):
        create = f"openstack loadbalancer healthmonitor create --name monitor {MONITOR} pool"
        story.client.type(create)
        story.client.settle("web")
        shows(story, {})
        ill.stop()
        shows(story, {"web": "DEGRADED", "pool": "DEGRADED", ill.name: "ERROR"})
        story.client.type("openstack loadbalancer set --description changed web")
        web = story.client.settle("web")
        expect(web.operating_status == "DEGRADED", f"a change made it {web.operating_status}")
        seen = {story.hosts.friend.get(chapters.url(story)) for _ in range(4)}
        expect(seen == {healthy.name}, f"answers came from {seen}")
        ill.serve(chapters.PORT)
        shows(story, {})
