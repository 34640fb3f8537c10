"""A failover that failed is no end: the health policy, the user and the operator each lead out."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import pytest

from sriov_provider import upkeep
from sriov_provider.db.types import utcnow
from sriov_provider.health import failovers
from sriov_provider.health.counts import Counts
from sriov_provider.health.failovers import Failovers
from sriov_provider.health.policy import Rules, Verdict
from sriov_provider.records import AmphoraState
from tests.fakes import errors
from tests.unit.worker.harness import SRIOV, World
from tests.unit.worker.operations import small
from tests.unit.worker.pairs import PAIR, place
from tests.unit.worker.scenes import clean

Break = Callable[[World], None]
SINGLE = SRIOV
BUILD_FIRST = {"failover_strategy": "build_first"}
RELEASE_FIRST = {"failover_strategy": "release_first"}
# VFs that somebody else has got.
TAKEN: dict[str, list[str]] = {}


@pytest.fixture(autouse=True)
def _nothing_taken() -> None:
    TAKEN.clear()


def no_spare_vf(world: World) -> None:
    for name in list(world.cloud.hosts):
        TAKEN.setdefault(name, []).extend(world.cloud.hosts[name].free_vfs)
        world.cloud.hosts[name].free_vfs.clear()


def nova_is_broken(world: World) -> None:
    world.cloud.fail("create_server", errors.timeout(), times=None)


def quota(world: World) -> None:
    world.cloud.fail("create_port", errors.quota(), times=None)


def new_agents_are_silent(world: World) -> None:
    world.amphora.fail("wait_ready", errors.unreachable(), times=None)


def mend(world: World) -> None:
    world.cloud.heal()
    world.amphora.heal()
    for name, free in TAKEN.items():
        world.cloud.hosts[name].free_vfs.extend(free)
    TAKEN.clear()


BROKEN = pytest.mark.parametrize(
    "broken", [no_spare_vf, nova_is_broken, quota, new_agents_are_silent]
)
FLAVORS = pytest.mark.parametrize(
    "flavor",
    [SINGLE | BUILD_FIRST, SINGLE | RELEASE_FIRST, PAIR | BUILD_FIRST, PAIR | RELEASE_FIRST],
    ids=["single-build", "single-release", "pair-build", "pair-release"],
)


class Policy:
    """The health manager's, with a clock of its own."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = datetime.timedelta()
        monkeypatch.setattr(failovers, "utcnow", lambda: utcnow() + self.ahead)
        self.failovers = Failovers(world.sessions, Rules(timeout=60, backoff=60), Counts())
        self.failovers._listening_since -= datetime.timedelta(hours=1)

    def verdicts(self, after: float = 3600.0) -> set[Verdict]:
        """:param after: seconds since the last job"""
        self.ahead = datetime.timedelta(seconds=after)
        return {d.verdict for d in self.failovers.check()} - {Verdict.UNHEARD}


def failed(world: World, flavor: dict[str, object], broken: Break) -> str:
    """A load balancer whose failover has failed."""
    lb = world.create_load_balancer(**(small(world) | {"flavor": flavor}))
    world.run_all()
    broken(world)
    world.failover(lb)
    world.run_all()
    return lb


@FLAVORS
@BROKEN
def test_the_policy_tries_again_and_again(
    world: World, flavor: dict[str, object], broken: Break, monkeypatch: pytest.MonkeyPatch
) -> None:
    lb = failed(world, flavor, broken)
    if world.agent.provisioning(lb) == "ACTIVE":  # what was given up first was enough
        assert flavor["failover_strategy"] == "release_first"
        return
    assert world.agent.provisioning(lb) == "ERROR"
    policy = Policy(world, monkeypatch)
    for _ in range(2):
        assert policy.verdicts() == {Verdict.FAIL_OVER}
        world.run_all()
        assert world.agent.provisioning(lb) == "ERROR"
        assert world.pending() == []
        assert policy.verdicts(after=0) == {Verdict.BACK_OFF}
    mend(world)
    works_again(world, lb, policy)


def works_again(world: World, lb: str, policy: Policy) -> None:
    # of a pair one amphora that was missing may come first
    for _ in range(2):
        policy.verdicts()
        world.run_all()
    assert policy.verdicts() == set()
    assert world.agent.provisioning(lb) == "ACTIVE"
    assert world.reasons(lb) == ()
    states = [a.state for a in world.inventory(lb).amphorae]
    assert set(states) == {AmphoraState.READY}
    clean(world, lb)


@FLAVORS
@BROKEN
def test_so_does_the_user(world: World, flavor: dict[str, object], broken: Break) -> None:
    lb = failed(world, flavor, broken)
    mend(world)
    world.failover(lb)
    world.run_all()
    assert world.agent.provisioning(lb) == "ACTIVE"
    assert world.reasons(lb) == ()
    clean(world, lb)


@FLAVORS
@BROKEN
def test_so_does_the_failover_of_an_amphora(
    world: World, flavor: dict[str, object], broken: Break
) -> None:
    lb = failed(world, flavor, broken)
    mend(world)
    amphorae = world.inventory(lb).amphorae
    if not amphorae:  # the user can fail over the load balancer, see above
        assert flavor["failover_strategy"] == "release_first"
        return
    place(world, upkeep.failover(amphorae[0]))
    world.run_all()
    assert world.agent.provisioning(lb) == "ACTIVE"
    assert world.reasons(lb) == ()
    assert {a.state for a in world.inventory(lb).amphorae} == {AmphoraState.READY}
    clean(world, lb)


def test_users_changes_wait_while_the_policy_works(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Octavia is not told that a failover runs; a change that it accepts meanwhile is made after
    it."""
    lb = failed(world, SINGLE, no_spare_vf)
    mend(world)
    policy = Policy(world, monkeypatch)
    policy.verdicts()
    listener = world.add_listener(lb, protocol_port=81)
    actions = [job.action.value for job in world.run_all()]
    assert actions == ["failover", "create"]
    assert world.agent.provisioning(listener) == "ACTIVE"
    assert world.agent.provisioning(lb) == "ACTIVE"
    assert world.pending() == []
    clean(world, lb)
