"""Servers that were moved or made anew, from the look to the amphora that works again."""

from __future__ import annotations

import datetime

import pytest
import sqlalchemy as sa

from sriov_provider import upkeep
from sriov_provider.compute.fleet import Sighting
from sriov_provider.db import jobs, models
from sriov_provider.db.engine import Sessions
from sriov_provider.db.types import utcnow
from sriov_provider.records import Action, AmphoraRecord, AmphoraState, Job, PortRole
from sriov_provider.vnic import Filter
from sriov_provider.worker import moved
from sriov_provider.worker.moved import Servers
from tests.fakes import errors
from tests.fakes.state import ServerRow
from tests.unit.worker import scenes
from tests.unit.worker.harness import World
from tests.unit.worker.operations import small
from tests.unit.worker.pairs import die, members, pair, whole
from tests.unit.worker.scenes import clean, working

NOTHING = {"nothing": 0, "note": 0, "gone": 0, "refresh": 0, "replace": 0}


class Nova:
    """The world's cloud, all servers at once."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.launched: dict[str, str] = {}
        self.gone: set[str] = set()

    def sightings(self) -> dict[str, Sighting]:
        rows = self.world.cloud.servers.values()
        return {s.id: self._sighting(s) for s in rows if s.id not in self.gone}

    def _sighting(self, row: ServerRow) -> Sighting:
        launched = self.launched.get(row.id, "2029")
        return Sighting(row.id, "ACTIVE", row.host, row.spec.image_id, launched)

    def move(self, server_id: str | None, host: str) -> None:
        """To another host, with other VFs there."""
        cloud, row = self.world.cloud, self.world.cloud.servers[server_id or ""]
        ports = [p.id for p in cloud.port_rows.values() if p.device_id == row.id]
        for port in ports:
            cloud._unbind(port)
        row.host = host
        for port in ports:
            cloud._bind(port, row)

    def rebuild(self, amphora: AmphoraRecord) -> None:
        """Its agent knows nothing any more."""
        self.launched[amphora.compute_id or ""] = "2030"
        del self.world.amphora.rows[amphora.id]


class Housekeeper:
    def __init__(self, world: World, replace: bool = True) -> None:
        self.world, self.nova = world, Nova(world)
        self.woken: list[str] = []
        self.servers = Servers(world.sessions, self.nova, 300.0, replace, self.woken.append)

    def look(self) -> dict[str, int]:
        """What is not nothing."""
        found = self.servers()
        assert found.keys() == NOTHING.keys()
        return {what: number for what, number in found.items() if number and what != "nothing"}


@pytest.fixture
def keeper(world: World) -> Housekeeper:
    return Housekeeper(world)


@pytest.fixture
def lb(world: World) -> str:
    return scenes.working(world).lb


def test_servers_that_are_as_they_were(world: World, lb: str, keeper: Housekeeper) -> None:
    assert keeper.look() == {"note": 1}
    assert keeper.look() == {}
    assert (keeper.woken, world.run_all()) == ([], [])
    clean(world, lb)
    assert keeper.look() == {}


def test_one_that_was_evacuated(world: World, lb: str, keeper: Housekeeper) -> None:
    """Where Neutron filters the new VF, the amphora need not; everything is pushed again."""
    before = world.only_amphora(lb)
    other = next(h for h in world.cloud.hosts if h != before.host)
    world.cloud.hosts[other].offloads = True
    keeper.look()
    keeper.nova.move(before.compute_id, other)
    keeper.nova.launched[before.compute_id or ""] = "2030"
    inside = world.inside(lb)
    inside.order.clear()
    assert keeper.look() == {"refresh": 1}
    (job,) = world.run_all()
    assert keeper.woken == [job.id]
    assert (job.action, job.object_id) == (Action.UPDATE, before.id)
    after = world.only_amphora(lb)
    assert (after.id, after.host, after.state) == (before.id, other, AmphoraState.READY)
    ports = world.inventory(lb).ports
    assert {p.filter for p in ports} == {Filter.NEUTRON}
    slots = {p.neutron_id: p.pci_slot for p in ports}
    assert slots == {i: world.cloud.port_rows[i or ""].pci_slot for i in slots}
    assert inside.order == [
        *("apply_firewall", "plug_vip", "plug_network", "plug_network"),
        *("configure", "apply_firewall"),
    ]
    assert {i["filter"] for i in inside.document["interfaces"]} == {"neutron"}
    assert world.agent.provisioning(lb) == "ACTIVE"
    assert keeper.look() == {"note": 1}
    assert keeper.look() == {}
    clean(world, lb)


def test_one_that_was_rebuilt_has_everything_again(
    world: World, lb: str, keeper: Housekeeper
) -> None:
    """Rules before interfaces."""
    before, served = world.only_amphora(lb), world.served(lb)
    document = world.inside(lb).document
    keeper.look()
    keeper.nova.rebuild(before)
    assert keeper.look() == {"refresh": 1}
    world.run_all()
    inside = world.inside(lb)
    assert world.only_amphora(lb) == before
    assert inside.order[0] == "apply_firewall"
    assert inside.document == inside.documents[0] == document
    assert inside.vip
    assert len(inside.networks) == 2
    assert world.served(lb) == served


def test_members_on_the_vips_network_are_reached_again(world: World, keeper: Housekeeper) -> None:
    lb = world.create_load_balancer(**small(world))
    world.run_all()
    pool = world.add_pool(lb)
    world.run_all()
    world.add_member(pool, "10.0.1.10", "vip-subnet-b")
    world.run_all()
    on_vip = world.inside(lb).on_vip
    assert on_vip
    keeper.look()
    keeper.nova.rebuild(world.only_amphora(lb))
    keeper.look()
    world.run_all()
    assert world.inside(lb).on_vip == on_vip


def test_one_of_a_pair_shares_the_vip_again(world: World, keeper: Housekeeper) -> None:
    lb = world.create_load_balancer(**(small(world) | pair()))
    world.run_all()
    before = members(world, lb)
    keeper.look()
    keeper.nova.rebuild(before["BACKUP"])
    assert keeper.look() == {"refresh": 1}
    world.run_all()
    assert members(world, lb)["BACKUP"].id == before["BACKUP"].id
    whole(world, lb)


def test_one_whose_agent_is_lost_is_replaced(world: World, lb: str, keeper: Housekeeper) -> None:
    """As after a rebuild that took the agent's certificate with it."""
    before = world.only_amphora(lb)
    keeper.look()
    keeper.nova.rebuild(before)
    die(world, before)
    assert keeper.look() == {"refresh": 1}
    world.run_all()
    assert keeper.look() == {"replace": 1}
    world.run_all()
    after = world.only_amphora(lb)
    assert after.id != before.id
    assert world.agent.provisioning(lb) == "ACTIVE"
    assert keeper.look() == {"note": 1}
    clean(world, lb)


def test_one_of_a_pair_whose_agent_is_lost_is_replaced(world: World, keeper: Housekeeper) -> None:
    """A job without it goes well; that is not what was wanted."""
    lb = world.create_load_balancer(**(small(world) | pair()))
    world.run_all()
    master = members(world, lb)["MASTER"]
    keeper.look()
    keeper.nova.rebuild(master)
    die(world, master)
    assert keeper.look() == {"refresh": 1}
    world.run_all()
    assert members(world, lb)["MASTER"].state is AmphoraState.STALE
    assert keeper.look() == {"replace": 1}
    world.run_all()
    assert members(world, lb)["MASTER"].id != master.id
    whole(world, lb)


def test_nothing_is_replaced_if_so_wished(world: World, lb: str) -> None:
    keeper = Housekeeper(world, replace=False)
    before = world.only_amphora(lb)
    keeper.look()
    keeper.nova.rebuild(before)
    die(world, before)
    keeper.look()
    world.run_all()
    assert keeper.look() == {"refresh": 1}
    world.amphora.is_up = lambda _: True
    world.run_all()
    assert world.only_amphora(lb).id == before.id
    assert keeper.look() == {"note": 1}
    assert keeper.look() == {}


def test_a_replacement_that_fails_is_tried_again_later(
    world: World, lb: str, keeper: Housekeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = world.only_amphora(lb)
    keeper.look()
    keeper.nova.rebuild(before)
    die(world, before)
    keeper.look()
    world.run_all()
    for host in world.cloud.hosts.values():
        taken, host.free_vfs = host.free_vfs, []
    keeper.look()
    world.run_all()
    assert keeper.look() == {"note": 1}  # it waits
    assert keeper.look() == {}
    for host in world.cloud.hosts.values():
        host.free_vfs = list(taken)
    later = utcnow() + datetime.timedelta(seconds=601)
    monkeypatch.setattr(moved, "utcnow", lambda: later)
    assert keeper.look() == {"replace": 1}
    world.run_all()
    assert world.only_amphora(lb).id != before.id


def test_a_server_that_vanishes_is_no_refresh(
    world: World, lb: str, keeper: Housekeeper, caplog: pytest.LogCaptureFixture
) -> None:
    keeper.look()
    server = world.only_amphora(lb).compute_id or ""
    keeper.nova.gone = {server}
    assert keeper.look() == {"gone": 1}
    assert keeper.look() == {"gone": 1}
    told = [m for m in caplog.messages if "not in Nova's list" in m]
    assert len(told) == 1
    assert server in told[0]
    keeper.nova.gone = set()
    assert keeper.look() == {}
    assert keeper.woken == []


def test_a_refresh_whose_server_is_gone_says_so(world: World, lb: str) -> None:
    amphora = world.only_amphora(lb)
    world.cloud._drop_server(world.cloud.servers[amphora.compute_id or ""])
    place(world, upkeep.refresh(amphora))
    world.run_all()
    assert world.codes(amphora.id, lb) == ["not-found"]


def test_a_refresh_whose_port_is_on_another_host_says_so(world: World, lb: str) -> None:
    amphora = world.only_amphora(lb)
    vip = next(p for p in world.inventory(lb).ports if p.role is PortRole.VIP)
    world.cloud._put_port(vip.neutron_id or "", host="nowhere")
    place(world, upkeep.refresh(amphora))
    world.run_all()
    assert world.codes(amphora.id, lb) == ["wrong-host"]
    assert world.only_amphora(lb).id == amphora.id


def place(world: World, job: Job) -> None:
    world.sessions.run(lambda session: jobs.enqueue(session, job))


def test_a_load_balancer_that_is_being_changed_comes_first(
    world: World, lb: str, keeper: Housekeeper
) -> None:
    keeper.look()
    amphora = world.only_amphora(lb)
    other = next(h for h in world.cloud.hosts if h != amphora.host)
    keeper.nova.move(amphora.compute_id, other)
    world.add_listener(lb, protocol_port=81)
    assert keeper.look() == {}
    world.run_all()
    assert keeper.look() == {"refresh": 1}


def test_a_job_that_comes_between_look_and_claim(
    world: World, lb: str, keeper: Housekeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper.look()
    keeper.nova.launched[world.only_amphora(lb).compute_id or ""] = "2030"
    place_, placed = moved.fleet.place, []

    def late(session: object, row: object, job: object) -> bool:
        world.add_listener(lb, protocol_port=81)
        placed.append(place_(session, row, job))  # type: ignore[arg-type]
        return placed[-1]

    monkeypatch.setattr(moved.fleet, "place", late)
    keeper.look()
    assert placed == [False]
    assert keeper.woken == []


def test_many_at_once_do_not_keep_users_waiting(
    world: World, keeper: Housekeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moved, "BATCH", 1)
    balancers = [world.create_load_balancer(**small(world)) for _ in range(2)]
    world.run_all()
    assert keeper.look() == {"note": 2}
    for lb in balancers:
        keeper.nova.rebuild(world.only_amphora(lb))
    assert keeper.look() == {"refresh": 2}
    assert len(world.run_all()) == 1
    assert keeper.look() == {"note": 1, "refresh": 1}
    assert len(world.run_all()) == 1


def test_an_outage_of_neutron_passes(world: World, lb: str, keeper: Housekeeper) -> None:
    amphora = world.only_amphora(lb)
    keeper.look()
    keeper.nova.rebuild(amphora)
    keeper.look()
    world.cloud.fail("port", errors.timeout())
    assert [job.attempt for job in world.run_all()] == [1, 2]
    assert world.only_amphora(lb) == amphora
    assert keeper.look() == {"note": 1}


def test_forgotten_jobs_went_well(world: World, lb: str, keeper: Housekeeper) -> None:
    keeper.look()
    keeper.nova.rebuild(world.only_amphora(lb))
    keeper.look()
    world.run_all()
    world.sessions.run(forget_jobs)
    assert keeper.look() == {"note": 1}


def forget_jobs(session: object) -> None:
    session.execute(sa.delete(models.Job))  # type: ignore[attr-defined]


def test_the_amphora_goes_while_it_is_noted(world: World, keeper: Housekeeper) -> None:
    working(world)
    servers = keeper.servers
    read = Sessions.read

    def late(sessions: Sessions, work: object) -> object:
        found = read(sessions, work)  # type: ignore[arg-type]
        world.sessions.run(lambda s: s.execute(sa.delete(models.Amphora)))
        return found

    Sessions.read, before = late, Sessions.read  # type: ignore[method-assign, assignment]
    try:
        assert servers()["note"] == 1
    finally:
        Sessions.read = before  # type: ignore[method-assign]
    assert world.sessions.read(lambda s: s.scalars(sa.select(models.Server)).all()) == []
