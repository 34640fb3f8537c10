"""A failure at every single call of an operation: the end is the one without it, or an honest
ERROR with everything given back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sriov_provider.errors import ProviderError
from tests.fakes import errors
from tests.unit.worker.harness import World
from tests.unit.worker.operations import KEEP, OPERATIONS, calls_of, delete
from tests.unit.worker.shape import Shape, leaked, shape

PASSING = {
    "busy": ("before", errors.server_error),
    "timeout after success": ("after", errors.timeout),
}


def undisturbed(world: World, name: str) -> tuple[list[str], Shape]:
    """The calls of an operation and the world after it."""
    operation = OPERATIONS[name]
    operation.prepare(world)
    calls_of(world, operation)  # from then on every run makes the same calls
    lb, subject = operation.start(world)
    world.calls.forget()
    world.run_all()
    calls, after = list(world.calls.log), comparable(world, lb, subject)
    operation.finish(world, lb, subject)
    return calls, after


def comparable(world: World, lb: str, subject: str) -> Shape:
    """A world's shape; ids that differ from run to run are taken out."""
    seen = shape(world, lb)
    seen["octavia"] = sorted(set(seen["octavia"].values()) | {world.agent.provisioning(subject)})
    seen["members"] = sorted((m[1:] for m in seen["members"]), key=str)
    seen["listeners"] = [
        {k: v for k, v in listener.items() if k != "id"} for listener in seen["listeners"]
    ]
    served = seen.pop("serves")
    seen["serves"] = sorted(m.address for m in served.members())
    return seen


@pytest.mark.parametrize("kind", PASSING)
@pytest.mark.parametrize("name", OPERATIONS)
def test_passing_failure_at_every_call(world: World, name: str, kind: str) -> None:
    calls, expected = undisturbed(world, name)
    operation, (when, error) = OPERATIONS[name], PASSING[kind]
    for index, verb in enumerate(calls):
        lb, subject = operation.start(world)
        world.calls.raise_at_from_now(index, when, error)
        world.run_all()
        where = f"{kind} at call {index} ({verb})"
        assert comparable(world, lb, subject) == expected, where
        operation.finish(world, lb, subject)
        assert leaked(world) == [], where


@pytest.mark.parametrize("name", ["member", "second subnet", "vip network", "listener"])
def test_lasting_failure_of_a_child(world: World, name: str) -> None:
    """The child is ERROR, the load balancer ACTIVE and as it was."""
    calls, _ = undisturbed(world, name)
    operation = OPERATIONS[name]
    before = comparable(world, KEEP, KEEP)
    for index, verb in enumerate(calls):
        lb, subject = operation.start(world)
        world.calls.raise_at_from_now(index, "before", errors.not_found)
        world.run_all()
        where = f"at call {index} ({verb})"
        assert world.agent.provisioning(subject) == "ERROR", where
        assert world.agent.provisioning(lb) == "ACTIVE", where
        assert world.pending() == [], where
        assert world.codes(subject, lb)[:1] == ["not-found"], where
        assert leaked(world) == [], where
        operation.finish(world, lb, subject)
        assert comparable(world, KEEP, KEEP) == before, where


def test_lasting_failure_of_a_create(world: World) -> None:
    """Everything acquired is given back; a member that cannot be reached is a member's matter."""
    calls, _ = undisturbed(world, "create")
    for lb in tuple(world.agent.trees):
        delete(world, lb)
    operation = OPERATIONS["create"]
    for index in range(len(calls)):
        lb, _ = operation.start(world)
        world.calls.raise_at_from_now(index, "before", errors.quota)
        world.cloud.log.clear()
        world.run_all()
        verb = world.calls.log[index]  # what is done at once has no order
        where = f"at call {index} ({verb})"
        member = world.agent.trees[lb]["pools"][0]["members"][0]["member_id"]
        its_own = is_of_member(world, world.calls.log[: index + 1])
        # Networks and subnets that cannot be read together are read one by one.
        again = verb.startswith("list_")
        states = [world.agent.provisioning(i) for i in (lb, member)]
        assert states.count("ERROR") == (0 if again else 1 if its_own else 2), where
        assert again or world.codes(member if its_own else lb, lb)[:1] == ["quota"], where
        assert world.pending() == [], where
        if states[0] == "ERROR":
            assert world.cloud.left_over() == (), where
        delete(world, lb)
        assert world.cloud.left_over() == (), where


def is_of_member(world: World, log: list[str]) -> bool:
    """Whether the last call of a create is about its member alone."""
    if log[-1] == "create_port":
        # Those that were carried out: without the one that was refused.
        made = [call.args[0] for call in world.cloud.log if call.verb == "create_port"]
        return "vip-net" in {spec.network_id for spec in made}
    if log[-1] == "attach_port":
        return log.count("attach_port") == 2  # the VIP's is the first
    return log == ["subnet"] or log[-1] == "plug_network"


def test_lasting_failure_of_a_failover(world: World) -> None:
    """An object in ERROR at most (none where nothing served and it was tried again), nothing is
    lost, and the next failover heals it."""
    calls, expected = undisturbed(world, "failover")
    operation = OPERATIONS["failover"]
    for verb in dict.fromkeys(calls):
        index = calls.index(verb)
        lb, _ = operation.start(world)
        world.calls.raise_at_from_now(index, "before", errors.quota)
        world.run_all()
        where = f"at call {index} ({verb})"
        assert world.pending() == [], where
        (pool,) = world.agent.trees[lb]["pools"]
        out = (lb, pool["members"][0]["member_id"])
        assert [world.agent.provisioning(i) for i in out].count("ERROR") <= 1, where
        operation.start(world)
        world.calls.forget()
        world.run_all()
        assert comparable(world, lb, lb) == expected, where
        assert leaked(world) == [], where


BROKEN: dict[str, tuple[str, Callable[[], ProviderError], str]] = {
    "no host": ("create_server", errors.server_error, "cloud-error"),
    "busy port": ("attach_port", errors.port_busy, "port-busy"),
    "no address": ("create_port", errors.no_address, "no-address"),
    "binding failed": ("attach_port", errors.binding_failed, "binding-failed"),
    "agent unreachable": ("wait_ready", errors.unreachable, "agent-unreachable"),
    "agent refuses": ("configure", errors.agent_error, "agent-error"),
    "firewall refused": ("apply_firewall", errors.firewall_refused, "firewall-refused"),
    "extension missing": ("apply_firewall", errors.extension_missing, "extension-missing"),
    "quota": ("create_port", errors.quota, "quota"),
    "conflict": ("ensure_security_group", errors.conflict, "cloud-error"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_create_that_never_works(world: World, name: str) -> None:
    verb, error, code = BROKEN[name]
    fake = world.amphora if hasattr(world.amphora, verb) else world.cloud
    fake.fail(verb, error(), times=None)
    lb, _ = OPERATIONS["create"].start(world)
    attempts = world.run_all()
    assert len(attempts) == (3 if error().retriable else 1)
    assert world.agent.provisioning(lb) == "ERROR"
    assert world.codes(lb, lb)[0] == code
    assert world.pending() == []
    assert world.cloud.left_over() == ()
    delete(world, lb)
    assert world.cloud.left_over() == ()


def test_old_image(world: World) -> None:
    world.amphora.extension = None
    lb, _ = OPERATIONS["create"].start(world)
    world.run_all()
    assert world.agent.provisioning(lb) == "ERROR"
    (reason,) = [r for r in world.reasons(lb) if r.object_id == lb]
    assert reason.code == "extension-missing"
    assert "sriov-amphora-agent" in reason.operator
    assert world.cloud.left_over() == ()


DELETES = ("delete_server", "has_server", "delete_port", "ports", "delete_security_group")


@pytest.mark.parametrize("verb", DELETES)
@pytest.mark.parametrize("after", [False, True])
def test_delete_is_tried_again(world: World, verb: str, after: bool) -> None:
    lb = world.create_load_balancer(**{})
    world.run_all()
    world.cloud.fail(verb, errors.timeout(), after=after)
    world.delete_load_balancer(lb)
    assert len(world.run_all()) == 2
    assert world.agent.provisioning(lb) == "DELETED"
    assert world.cloud.left_over() == ()


@pytest.mark.parametrize("verb", DELETES)
def test_delete_that_fails_can_be_repeated(world: World, verb: str) -> None:
    lb = world.create_load_balancer()
    world.run_all()
    world.cloud.fail(verb, errors.server_error(), times=None)
    world.delete_load_balancer(lb)
    assert len(world.run_all()) == 3
    assert world.agent.provisioning(lb) == "ERROR"
    assert world.pending() == []
    assert world.codes(lb, lb) == ["cloud-error"]
    world.cloud.heal()
    delete(world, lb)
    assert world.cloud.left_over() == ()
