"""Amphorae replaced one after the other, by real jobs in a world in memory."""

from __future__ import annotations

import functools

import pytest
import sqlalchemy as sa

from sriov_provider.db import jobs, models
from sriov_provider.errors import Code, ProviderError
from sriov_provider.records import AmphoraState
from sriov_provider.rolling import errands, records
from sriov_provider.rolling.model import Do, End, Room, Rules
from tests.fakes import errors
from tests.unit.rolling.parts import Operator
from tests.unit.worker.harness import SRIOV, World
from tests.unit.worker.operations import small
from tests.unit.worker.pairs import members, pair, whole

H0, H1 = "host-0", "host-1"


@pytest.fixture
def operator(world: World) -> Operator:
    return Operator(world)


def one(world: World, **node: object) -> str:
    lb = world.create_load_balancer(**(small(world) | node))
    world.run_all()
    return lb


def host(world: World, lb: str) -> str | None:
    return world.only_amphora(lb).host


def failover(world: World, amphora_id: str) -> errands.One:
    found = world.sessions.read(lambda s: records.amphora(s, amphora_id))
    assert found is not None
    return errands.One(found)


def test_one_amphora_of_a_pair(world: World, operator: Operator) -> None:
    lb = one(world, **pair())
    before = members(world, lb)
    (outcome,) = operator.run(failover(world, before["BACKUP"].id), patience=0.0)
    after = members(world, lb)
    assert after["MASTER"].id == before["MASTER"].id
    assert outcome.end is End.REPLACED
    assert outcome.replacement and outcome.replacement.amphora_id == after["BACKUP"].id
    assert operator.woken == [outcome.job_id]
    assert operator.heard.outcomes == [outcome]
    assert operator.heard.lines == [f"job {outcome.job_id} waits for a worker"]
    whole(world, lb)


def test_nobody_waits_if_told_so(world: World, operator: Operator) -> None:
    lb = one(world)
    (outcome,) = operator.run(failover(world, world.only_amphora(lb).id), wait=False)
    assert outcome.end is End.PLACED
    assert operator.naps == 0
    before = world.only_amphora(lb)
    (job,) = world.run_all()
    assert job.id == outcome.job_id
    assert world.only_amphora(lb).id != before.id


def test_a_load_balancer_that_is_being_changed_is_named(world: World, operator: Operator) -> None:
    lb = one(world)
    amphora = world.only_amphora(lb)
    world.add_listener(lb, protocol_port=81)
    (outcome,) = operator.run(failover(world, amphora.id), patience=0.0)
    assert outcome.end is End.SKIPPED
    assert f"load balancer {lb} is being changed: job " in outcome.words
    assert "create of listeners listener" in outcome.words
    assert world.only_amphora(lb) == amphora
    (again,) = operator.run(failover(world, amphora.id), patience=10.0)
    assert again.end is End.REPLACED
    assert "waits: load balancer" in operator.heard.lines[0]


def test_a_job_that_was_first(
    world: World, operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    lb = one(world)
    amphora = world.only_amphora(lb)
    place = records.place
    monkeypatch.setattr(records, "place", lambda *_: monkeypatch.setattr(records, "place", place))
    (outcome,) = operator.run(failover(world, amphora.id), patience=5.0)
    assert outcome.end is End.REPLACED
    assert operator.heard.lines[0].endswith("is looked at again")


def test_a_job_that_takes_too_long_goes_on(world: World, operator: Operator) -> None:
    lb = one(world)
    operator.nap = lambda: None
    (outcome,) = operator.run(failover(world, world.only_amphora(lb).id), timeout=40.0)
    assert outcome.end is End.RUNNING
    assert operator.heard.lines[-1].endswith("waits for a worker: does a worker run?")
    assert world.sessions.read(lambda s: jobs.unfinished(s, lb))


def test_one_that_fails_says_why(world: World, operator: Operator) -> None:
    lb = one(world)
    for name in world.cloud.hosts:
        world.cloud.hosts[name].free_vfs.clear()
    (outcome,) = operator.run(failover(world, world.only_amphora(lb).id))
    assert outcome.end is End.FAILED
    assert outcome.words.startswith("no-vf: ")
    assert world.only_amphora(lb).state is AmphoraState.READY


def test_attempts_are_told(world: World, operator: Operator) -> None:
    lb = one(world)
    for _ in range(2):
        world.cloud.fail("create_server", errors.timeout())
    operator.nap = lambda: world.run(job) if (job := world.claim()) else None
    (outcome,) = operator.run(failover(world, world.only_amphora(lb).id))
    assert outcome.end is End.REPLACED
    assert [line.split("is being ")[1] for line in operator.heard.lines if "is being " in line] == [
        *("replaced", "replaced, attempt 2"),
    ]


def test_a_host_is_drained(world: World, operator: Operator) -> None:
    balancers = [one(world) for _ in range(4)]
    assert sorted(str(host(world, lb)) for lb in balancers) == [H0, H0, H1, H1]
    world.cloud.hosts[H0].enabled = False
    outcomes = operator.drain(H0)
    assert [o.end for o in outcomes] == [End.REPLACED, End.REPLACED]
    assert {host(world, lb) for lb in balancers} == {H1}
    assert {(o.target.host, o.replacement and o.replacement.host) for o in outcomes} == {(H0, H1)}
    assert operator.heard.counts[0] == (0, 2)
    assert operator.heard.counts[-1] == (1, 2)
    assert operator.drain(H0) == []


def test_one_that_lands_there_again_ends_the_drain(world: World, operator: Operator) -> None:
    first, second = (one(world) for _ in range(2))
    for name in (H0, H1):  # Nova has not been told: the host is the emptiest one
        world.cloud.hosts[name].free_vfs = world.cloud.hosts[H0].free_vfs if name == H0 else []
    there = next(lb for lb in (first, second) if host(world, lb) == H0)
    (outcome,) = operator.drain(H0)
    assert outcome.end is End.IN_VAIN
    assert outcome.words == f"{world.only_amphora(there).id}, built in its place, is on {H0} again"


def test_without_room_elsewhere_nothing_is_given_up(world: World, operator: Operator) -> None:
    balancers = [one(world) for _ in range(4)]
    world.cloud.hosts[H0].enabled = False
    before = [world.only_amphora(lb) for lb in balancers]
    errand = errands.Drain(
        world.sessions, H0, functools.partial(operator.survey, "physnet1:2"), None
    )
    (outcome,) = operator.run(errand)
    assert outcome.end is End.SKIPPED
    assert outcome.words.startswith("No other host has ")
    outcomes = operator.run(errand, keep_going=True)
    assert [o.end for o in outcomes] == [End.SKIPPED, End.SKIPPED]
    assert [world.only_amphora(lb) for lb in balancers] == before
    seen = list(operator.roll(errand, Rules()).preview())
    assert {(step.do, prospect.room) for _, step, prospect in seen} == {(Do.SKIP, Room.NONE)}


def test_a_preview_changes_nothing(world: World, operator: Operator) -> None:
    balancers = [one(world) for _ in range(2)]
    there = next(lb for lb in balancers if host(world, lb) == H0)
    world.add_listener(there, protocol_port=81)
    ((target, step, prospect),) = operator.roll(operator.draining(H0), Rules()).preview()
    assert target.load_balancer_id == there
    assert (step.do, prospect.hosts) == (Do.WAIT, (H1,))
    assert operator.woken == []
    assert len(world.sessions.read(lambda s: jobs.unfinished(s, there))) == 1


def test_the_place_of_a_strict_peer_is_of_no_use(world: World, operator: Operator) -> None:
    lb = one(world, **pair(anti_affinity="strict"))
    world.cloud.hosts[H0].enabled = False
    (outcome,) = operator.drain(H0)
    assert outcome.end is End.SKIPPED
    assert outcome.words.startswith("No other host has ")
    # where nobody asks for two hosts, the peer's own will do
    errand = operator.draining(H0)
    other = one(world, **pair(anti_affinity="off"))
    (found,) = (
        a
        for a in world.sessions.read(lambda s: records.amphorae(s, load_balancer_id=other))
        if a.role == "MASTER"
    )
    assert errand.prospect(found).room is Room.SURE
    assert lb != other


def test_what_goes_first_waits_for_a_place_that_is_known(world: World, operator: Operator) -> None:
    lb = one(world, flavor=SRIOV | {"failover_strategy": "release_first"})
    name = host(world, lb)
    assert name
    errand = errands.Drain(
        world.sessions, name, functools.partial(operator.survey, "physnet9:1"), None
    )
    world.cloud.hosts[name].enabled = False
    (outcome,) = operator.run(errand)
    assert outcome.end is End.SKIPPED
    assert outcome.words.endswith("It would go before the new one is there.")
    (forced,) = operator.run(errand, force=True)
    assert forced.end is End.REPLACED
    assert host(world, lb) != name


def refresh(world: World, lb: str | None = None, **more: bool) -> errands.Refresh:
    def image_of(server_id: str) -> str | None:
        row = world.cloud.servers.get(server_id)
        return row.spec.image_id if row else None

    def newest(tag: str) -> str:
        return world.cloud.images[tag or "amphora", None]

    return errands.Refresh(world.sessions, lb, image_of, newest, **more)


def test_amphorae_of_an_old_image_are_replaced(world: World, operator: Operator) -> None:
    old, new = one(world, **pair()), None
    world.cloud.images["amphora", None] = "image-2"
    new = one(world)
    kept = world.only_amphora(new)
    before = members(world, old)
    outcomes = operator.run(refresh(world))
    assert [(o.target.amphora_id, o.end) for o in outcomes] == [
        (before["BACKUP"].id, End.REPLACED),
        (before["MASTER"].id, End.REPLACED),
    ]
    assert outcomes[0].target.why == "image image-1, now image-2"
    assert {s.spec.image_id for s in world.cloud.servers.values()} == {"image-2"}
    assert world.only_amphora(new) == kept
    assert operator.run(refresh(world)) == []


def test_an_old_agent_in_the_newest_image_is_replaced_once(
    world: World, operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = one(world), one(world)
    monkeypatch.setattr("sriov_provider.rolling.age.AGENT_VERSION", "99.0")
    assert operator.run(refresh(world, image_only=True)) == []
    (outcome,) = operator.run(refresh(world, first))
    assert outcome.end is End.IN_VAIN
    assert "built in its place, is not of today: agent " in outcome.words
    assert outcome.target.load_balancer_id == first != second


def test_a_server_nobody_knows_is_left_alone(world: World, operator: Operator) -> None:
    one(world)
    world.cloud.images["amphora", None] = "image-2"
    errand = errands.Refresh(world.sessions, None, lambda _: None, lambda _: "image-2")
    assert operator.run(errand) == []


def test_an_image_that_is_missing_is_the_matter_of_one_load_balancer(
    world: World, operator: Operator
) -> None:
    special, common = one(world), one(world)
    lost = world.only_amphora(special).id
    world.cloud.images["amphora", None] = "image-2"
    usual = refresh(world)._newest

    def newest(tag: str) -> str:
        if tag == "special":
            raise ProviderError(Code.NOT_FOUND, "No image.", "no active image has the tag special")
        return usual(tag)

    row = models.LoadBalancer.id == special
    tag = sa.update(models.LoadBalancer).where(row).values(flavor={"amp_image_tag": "special"})
    world.sessions.run(lambda s: jobs.changed(s, tag))
    errand = refresh(world)
    errand._newest = newest
    told = {step.why for target, step, _ in operator.roll(errand, Rules()).preview()
            if target.amphora_id == lost}  # fmt: skip
    assert told == {"It cannot be built anew: no active image has the tag special"}
    ends = {o.target.load_balancer_id: o.end for o in operator.run(errand, keep_going=True)}
    assert ends == {special: End.SKIPPED, common: End.REPLACED}
    assert world.only_amphora(special).id == lost
