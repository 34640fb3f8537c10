"""The sweep against services over HTTP and tables in a database."""

from __future__ import annotations

import datetime
import pathlib
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from sriov_provider.cloud import Cloud
from sriov_provider.db import inventory, jobs, migrate, models
from sriov_provider.db.engine import Sessions
from sriov_provider.db.types import utcnow
from sriov_provider.records import Action, Job, JobState, ObjectType, PortState
from sriov_provider.sweep.cloud import Belongings
from sriov_provider.sweep.model import Kind
from sriov_provider.sweep.sweeper import Sweeper
from tests.fakes import errors
from tests.fakes.services import Services
from tests.unit.sweep import world
from tests.unit.sweep.world import GONE, LIVE, LIVING, NEUTRON, NOVA, group, port, server

NOW = datetime.datetime(2026, 2, 1, tzinfo=datetime.timezone.utc)


@pytest.fixture
def services() -> Iterator[Services]:
    with Services() as running:
        yield running


@pytest.fixture
def sessions(tmp_path: pathlib.Path) -> Iterator[Sessions]:
    url = f"sqlite:///{tmp_path}/p.sqlite"
    migrate.upgrade(url)
    made = Sessions(url)
    made.run(world.fill)
    yield made
    made.dispose()


@pytest.fixture
def naps() -> list[float]:
    return []


@pytest.fixture
def sweeper(
    services: Services, sessions: Sessions, tmp_path: pathlib.Path, naps: list[float]
) -> Sweeper:
    cloud = Belongings(Cloud(services.conf(tmp_path)))
    return Sweeper(sessions, cloud, 3600, sleep=naps.append)


def past_job(sessions: Sessions, load_balancer_id: str, state: JobState) -> None:
    job = Job("job", load_balancer_id, Action.CREATE, ObjectType.LOADBALANCER, load_balancer_id)
    sessions.run(lambda s: jobs.enqueue(s, job, datetime.datetime(2026, 1, 1, tzinfo=NOW.tzinfo)))
    if state is JobState.DONE:
        taken = jobs.claim(sessions, "w", 60)
        assert taken
        then = datetime.datetime(2026, 1, 2, tzinfo=NOW.tzinfo)
        sessions.run(lambda s: jobs.finish(s, taken, state, then))


def stray() -> dict[str, tuple[dict[str, object], ...]]:
    more = {
        "ports": (port("stray-port", server="stray-server"),),
        "groups": (group("stray-group"),),
        "servers": (server("stray-server"),),
        "server_groups": (world.server_group("stray-server-group", GONE, "stray-server"),),
    }
    return {kind: LIVING[kind] + items for kind, items in more.items()}


def leaked_rows(sessions: Sessions) -> list[tuple[str, str]]:
    query = sa.select(models.Port.neutron_id, models.Port.amphora_id).where(
        models.Port.state == PortState.LEAKED.value
    )
    return [tuple(row) for row in sessions.read(lambda s: s.execute(query).all())]


def test_nothing_leaked_nothing_missing(services: Services, sweeper: Sweeper) -> None:
    world.answer(services, **LIVING)
    found = sweeper.find(now=NOW)
    assert (found.leaks, found.missing) == ((), ())
    assert len(services.calls()) == 4
    listed = next(r for r in services.requests if r.path == f"{NEUTRON}/ports")
    assert listed.query["project_id"] == ["p"]


def test_everything_of_a_load_balancer_that_is_gone(
    services: Services, sessions: Sessions, sweeper: Sweeper
) -> None:
    past_job(sessions, GONE, JobState.DONE)
    world.answer(services, **stray())
    found = sweeper.find(now=NOW)
    assert [k.found.id for k in found.leaks] == [
        *("stray-server", "stray-port", "stray-group", "stray-server-group")
    ]
    assert services.calls(method="DELETE") == []


def test_one_load_balancer(services: Services, sweeper: Sweeper) -> None:
    world.answer(services, **stray())
    assert sweeper.find(LIVE, NOW).leaks == ()
    listed = next(r for r in services.requests if r.path == f"{NEUTRON}/ports")
    assert listed.query["description"] == [f"octavia-sriov:{LIVE}"]
    assert sweeper.find(GONE, NOW).leaks[0].found.kind is Kind.SERVER


def test_what_others_tagged_with_our_tag(services: Services, sweeper: Sweeper) -> None:
    theirs = {
        "ports": (port("theirs", project_id="other"),),
        "groups": (group("theirs", project_id="other"),),
        "servers": (server("theirs", tenant_id="other"),),
    }
    world.answer(services, **{**LIVING, **{k: LIVING[k] + v for k, v in theirs.items()}})
    assert sweeper.find(now=NOW).leaks == ()


def test_an_unfinished_job_protects(
    services: Services, sessions: Sessions, sweeper: Sweeper
) -> None:
    past_job(sessions, GONE, JobState.PENDING)
    world.answer(services, **stray())
    assert sweeper.find(now=NOW).leaks == ()


def test_deleted_in_order_and_waited_for(
    services: Services, sessions: Sessions, sweeper: Sweeper, naps: list[float]
) -> None:
    past_job(sessions, GONE, JobState.DONE)
    world.answer(services, **stray())
    found = sweeper.find(now=NOW)
    path = f"{NOVA}/servers/stray-server"
    shown = {"server": server("stray-server")}
    services.answer("GET", path, shown)  # while it is being deleted
    services.answer("GET", path, {"itemNotFound": {"message": "gone"}}, 404)
    empty = {"server_group": world.server_group("stray-server-group")}
    services.answer_first("GET", f"{NOVA}/os-server-groups/stray-server-group", empty, 200)
    done = list(sweeper.delete(found.leaks, NOW))
    assert [(s.done, s.words) for s in done] == [(True, "deleted")] * 4
    assert services.calls(method="DELETE") == [
        f"DELETE {NOVA}/servers/stray-server",
        f"DELETE {NEUTRON}/ports/stray-port",
        f"DELETE {NEUTRON}/security-groups/stray-group",
        f"DELETE {NOVA}/os-server-groups/stray-server-group",
    ]
    assert naps == [1.0]
    assert leaked_rows(sessions) == []


def test_a_server_that_does_not_go_keeps_its_port(
    services: Services, sessions: Sessions, sweeper: Sweeper, naps: list[float]
) -> None:
    world.answer(services, **stray())
    done = list(sweeper.delete(sweeper.find(now=NOW).leaks[:1], NOW))
    assert [(s.done, s.words) for s in done] == [(False, "is being deleted")]
    assert sum(naps) == 60.0


def test_what_cannot_be_deleted_is_told_and_recorded(
    services: Services, sessions: Sessions, sweeper: Sweeper
) -> None:
    ports = (port("busy"), port("broken"), port("last"))
    world.answer(services, ports=ports)
    conflict = {"NeutronError": {"type": "PortInUse", "message": "in use"}}
    services.answer_first("DELETE", f"{NEUTRON}/ports/busy", conflict, 409)
    services.answer_first("DELETE", f"{NEUTRON}/ports/broken", {}, 500)
    found = sweeper.find(now=NOW)
    done = {s.leak.found.id: s for s in sweeper.delete(found.leaks, NOW)}
    assert done["busy"].words.startswith("busy: ")
    assert "PortInUse" in done["busy"].words
    assert done["broken"].words.startswith("failed: cloud-error: ")
    assert [i for i, s in done.items() if s.done] == ["last"]
    assert sorted(leaked_rows(sessions)) == [("broken", world.STRAY), ("busy", world.STRAY)]
    assert len(list(sweeper.delete(sweeper.find(now=NOW).leaks, NOW))) == 3
    assert leaked_rows(sessions) == []


def test_tables_that_may_be_the_wrong_ones(
    services: Services, sessions: Sessions, tmp_path: pathlib.Path
) -> None:
    world.answer(services, **{**LIVING, "ports": (*LIVING["ports"], port("p"), port("q", LIVE))})
    cloud = Belongings(Cloud(services.conf(tmp_path)))
    asked: list[str] = []

    def exists(load_balancer_id: str) -> bool:
        asked.append(load_balancer_id)
        if len(asked) == 1:
            raise errors.timeout()
        return len(asked) == 2

    careful = Sweeper(sessions, cloud, 3600, exists=exists)
    told = []
    for _ in range(3):
        done = {s.leak.found.id: s for s in careful.delete(careful.find(now=NOW).leaks, NOW)}
        told.append((done["p"].done, done["p"].words))
        assert leaked_rows(sessions) == []
        assert done["q"].done
    assert [done for done, _ in told] == [False, False, True]
    assert "Octavia does not tell" in told[0][1]
    assert "check database_connection" in told[1][1]
    assert asked == [GONE] * 3


def test_gone_meanwhile(services: Services, sessions: Sessions, sweeper: Sweeper) -> None:
    world.answer(services, ports=(port("p"),), groups=(group("g"),))
    services.answer_first("GET", f"{NEUTRON}/ports/p", {}, 404)
    services.answer_first("DELETE", f"{NEUTRON}/security-groups/g", {}, 404)
    done = list(sweeper.delete(sweeper.find(now=NOW).leaks, NOW))
    assert [(s.done, s.words) for s in done] == [(True, "gone already"), (True, "deleted")]


def test_a_job_that_began_meanwhile(
    services: Services, sessions: Sessions, sweeper: Sweeper
) -> None:
    world.answer(services, **stray())
    found = sweeper.find(now=NOW)
    past_job(sessions, GONE, JobState.PENDING)
    done = list(sweeper.delete(found.leaks, NOW))
    assert {(s.done, s.wanted) for s in done} == {(False, True)}
    assert services.calls(method="DELETE") == []
    assert leaked_rows(sessions) == []


def test_a_tag_that_was_taken_away_meanwhile(services: Services, sweeper: Sweeper) -> None:
    world.answer(services, ports=(port("p"),))
    found = sweeper.find(now=NOW)
    untagged = {"port": port("p", description="mine now")}
    services.answer_first("GET", f"{NEUTRON}/ports/p", untagged, 200)
    (swept,) = sweeper.delete(found.leaks, NOW)
    assert swept.wanted
    assert services.calls(method="DELETE") == []


def test_a_port_of_a_serving_amphora_is_not_pulled_out(
    services: Services, sessions: Sessions, sweeper: Sweeper
) -> None:
    second = port("second", LIVE, "live-server", world.AMPHORA)
    world.answer(services, **{**LIVING, "ports": (*LIVING["ports"], second)})
    found = sweeper.find(now=NOW)
    (swept,) = sweeper.delete(found.leaks, NOW)
    assert "in use" in swept.words
    assert services.calls(method="DELETE") == []
    assert leaked_rows(sessions) == [("second", world.AMPHORA)]


def test_a_cloud_that_cannot_be_asked_deletes_nothing(services: Services, sweeper: Sweeper) -> None:
    world.answer(services, ports=(port("p"),))
    found = sweeper.find(now=NOW)
    services.answer_first("GET", f"{NEUTRON}/ports/p", {}, 503)
    (swept,) = sweeper.delete(found.leaks, NOW)
    assert swept.words.startswith("not looked at: ")
    assert services.calls(method="DELETE") == []


def test_what_is_on_record_and_gone_is_looked_for_once_more(
    services: Services, sweeper: Sweeper
) -> None:
    world.answer(services, **LIVING)
    services.answer_first("GET", f"{NEUTRON}/ports", {"ports": []}, 200)
    assert sweeper.find(now=NOW).missing == ()
    services.answer_first("GET", f"{NEUTRON}/ports", {"ports": []}, 200)
    services.answer_first("GET", f"{NEUTRON}/ports/live-port", {}, 404)
    (gone,) = sweeper.find(now=NOW).missing
    assert (gone.kind, gone.id, gone.load_balancer_id) == (Kind.PORT, "live-port", LIVE)


def test_servers_come_in_pages(services: Services, sweeper: Sweeper) -> None:
    world.answer(services, **stray())
    first = {"servers": [server("stray-server")], "servers_links": [{"rel": "next", "href": ""}]}
    services.answer_first("GET", f"{NOVA}/servers/detail", first, 200)
    sweeper.find(now=NOW)
    asked = [r.query.get("marker") for r in services.requests if r.path.endswith("/detail")]
    assert asked == [None, ["stray-server"]]


def test_a_leaked_row_is_not_a_record(
    services: Services, sessions: Sessions, sweeper: Sweeper
) -> None:
    rows = sessions.read(lambda s: inventory.read(s, LIVE)).ports
    assert [r.state for r in rows] == [PortState.ATTACHED]
    world.answer(services, **LIVING)
    sessions.run(lambda s: s.execute(sa.update(models.Port).values(state=PortState.LEAKED.value)))
    (leak,) = sweeper.find(now=utcnow()).leaks
    assert (leak.found.id, leak.why) == ("live-port", "could not be released before")
