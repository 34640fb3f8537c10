"""Load balancers with two amphorae, and what they have to look like."""

from __future__ import annotations

from typing import Any

from sriov_provider.db import jobs
from sriov_provider.records import AmphoraRecord, AmphoraState, Job
from tests.fakes.amphora import AmphoraRow
from tests.unit.worker.harness import SRIOV, World
from tests.unit.worker.shape import Shape, leaked

PAIR = SRIOV | {"loadbalancer_topology": "ACTIVE_STANDBY"}


def pair(**more: Any) -> dict[str, Any]:
    """For :meth:`World.create_load_balancer`."""
    return {"flavor": PAIR | more}


def members(world: World, lb: str) -> dict[str, AmphoraRecord]:
    """The amphorae by role."""
    found = world.inventory(lb).amphorae
    by_role = {a.role: a for a in found}
    assert len(by_role) == len(found) == 2
    return by_role


def place(world: World, job: Job) -> None:
    """A job that no user asked for."""
    world.sessions.run(lambda session: jobs.enqueue(session, job))


def die(world: World, *amphorae: AmphoraRecord) -> None:
    """These do not answer any more."""
    dead = {a.id for a in amphorae}
    world.amphora.is_up = lambda amphora_id: amphora_id not in dead


def whole(world: World, lb: str) -> Shape:
    """Each of the two, by role, knows the other and serves the same; equal for equal ends."""
    found = members(world, lb)
    rows = {role: world.amphora.of(a.id) for role, a in found.items()}
    master, backup = found["MASTER"], found["BACKUP"]
    _know_each_other(master, backup, rows["MASTER"])
    _know_each_other(backup, master, rows["BACKUP"])
    assert rows["MASTER"].served == rows["BACKUP"].served
    assert leaked(world) == []
    assert world.pending() == []
    assert {s.id for s in world.cloud.servers.values()} == {a.compute_id for a in found.values()}
    return {
        "status": world.agent.provisioning(lb),
        "states": sorted((role, a.state.value) for role, a in found.items()),
        "ports": sorted(_ports(world, lb, a) for a in found.values()),
        "served": sorted(m.address for m in rows["MASTER"].served.members()),  # type: ignore[union-attr]
        "vfs": len(world.cloud.claimed_vfs()),
        "undelivered": world.undelivered(),
    }


def _know_each_other(one: AmphoraRecord, other: AmphoraRecord, inside: AmphoraRow) -> None:
    assert one.state is AmphoraState.READY
    assert inside.document["peers"] == [other.vrrp_ip]
    assert inside.document["peer_port"] is not None
    ids = {one.id, other.id}
    assert {v.id for v in inside.vrrp[-1]} == ids
    assert {v.id for v in inside.configurations[-1].amphorae} == ids
    assert inside.configurations[-1].topology == "ACTIVE_STANDBY"


def _ports(world: World, lb: str, amphora: AmphoraRecord) -> list[tuple[str, str, str]]:
    rows = [p for p in world.inventory(lb).ports if p.amphora_id == amphora.id]
    return sorted((p.role.value, p.network_id, p.state.value) for p in rows)
