"""Amphorae replaced by an operator's commands. One test at a time: hosts are switched off."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.demo import bootstrap
from tests.demo.processes import environment
from tests.demo.report import expect, wait_for
from tests.integration.balancer import Balancer
from tests.integration.ground import Ground

pytestmark = pytest.mark.alone


def typed(ground: Ground, *words: str) -> subprocess.CompletedProcess[str]:
    """A command of this cloud."""
    settings = ground.settings
    return subprocess.run(
        [f"{settings.bin}/{words[0]}", *words[1:]],
        capture_output=True,
        text=True,
        env=environment(
            settings, OS_CLIENT_CONFIG_FILE=str(settings.etc / "clouds.yaml"), OS_CLOUD="demo"
        ),
        timeout=280,
        check=False,
    )


def provider(ground: Ground, *words: str, code: int = 0) -> list[dict[str, Any]]:
    """Rows of a command of ours."""
    conf = str(ground.settings.etc / "octavia/octavia.conf")
    done = typed(ground, "sriov-provider", "--config-file", conf, *words, "-f", "json")
    expect(done.returncode == code, f"{words} ended with {done.returncode}: {done.stderr}")
    found: list[dict[str, Any]] = json.loads(done.stdout or "[]")
    return found


@contextmanager
def closed(ground: Ground, host: str) -> Iterator[None]:
    """Nova places nothing there."""
    words = ("openstack", "compute", "service", "set")
    done = typed(ground, *words, "--disable", host, "nova-compute")
    expect(done.returncode == 0, done.stderr)
    try:
        yield
    finally:
        done = typed(ground, *words, "--enable", host, "nova-compute")
        expect(done.returncode == 0, done.stderr)


def amphorae(balancer: Balancer) -> dict[str, dict[str, Any]]:
    """Those on record, by role."""
    return {row["role"]: row for row in balancer.page()["amphorae"]}


def test_one_of_a_pair_is_replaced(ground: Ground) -> None:
    """The other one stays; the load balancer is ACTIVE all the time."""
    ground.vfs(compute1=2, compute2=2)
    balancer = ground.create(ground.flavor(loadbalancer_topology="ACTIVE_STANDBY"))
    balancer.settled()
    # On a busy machine heartbeats come late, and the health manager is first.
    wait_for("no job", lambda: not balancer.page()["jobs"], 240)
    before = amphorae(balancer)
    (row,) = provider(ground, "amphora", "failover", before["BACKUP"]["id"])
    assert row["amphora"] == before["BACKUP"]["id"] != row["new_amphora"]
    assert row["result"].startswith(f"replaced: by {row['new_amphora']} on compute")
    assert row["new_amphora"] in {a["id"] for a in amphorae(balancer).values()}
    assert balancer.now().provisioning_status == "ACTIVE"


def test_a_host_is_freed(ground: Ground) -> None:
    """Refused while Nova uses it, skipped while no other host has a VF, then moved."""
    ground.vfs(compute1=1)
    balancer = ground.create()
    balancer.settled()
    assert balancer.host() == "compute1"
    provider(ground, "drain", "compute1", code=1)
    with closed(ground, "compute1"):
        assert [r["result"] for r in provider(ground, "drain", "--dry-run", "compute1")]
        ground.vfs(compute1=1, compute2=1)
        (row,) = [
            r for r in provider(ground, "drain", "compute1") if r["load_balancer"] == balancer.id
        ]
        assert (row["new_host"], balancer.host()) == ("compute2", "compute2")
        assert provider(ground, "drain", "compute1") == []
    balancer.settled()


def test_a_new_image(ground: Ground) -> None:
    """The amphora is replaced once."""
    ground.vfs(compute1=2, compute2=2)
    tag, images = ground.name, ground.api.image
    try:
        old = image(ground, 1)
        balancer = ground.create(ground.flavor(amp_image_tag=tag))
        balancer.settled()
        assert provider(ground, "refresh", "--lb", balancer.id) == []
        new = image(ground, 2)
        (row,) = provider(ground, "refresh", "--lb", balancer.id)
        assert row["why"] == f"image {old}, now {new}"
        assert provider(ground, "refresh", "--lb", balancer.id) == []
        balancer.settled()
    finally:
        for made in list(images.images(tag=tag)):
            images.delete_image(made)


def image(ground: Ground, number: int) -> str:
    """One more image with this ground's tag; its id."""
    name = f"{ground.name}-{number}"
    service = ground.api.identity.find_project("service").id
    bootstrap.image(ground.api, name, ground.name, visibility="public", owner_id=service)
    return str(ground.api.image.find_image(name).id)
