"""The bench's steps: many load balancers at once, and one operation after the other."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable, Mapping

from tests.bench.load.world import World, cpu, memory

# Seconds an operation, and all that were asked for together, may take.
PATIENCE, LONG_PATIENCE = 60.0, 2400.0
# Threads that work on jobs; the others have rounds of their own.
_WORKING = ("job", "task")
_SETTLED = 0.25


@dataclasses.dataclass(frozen=True)
class Cost:
    """Of one operation, medians.

    :ivar seconds: until Octavia has heard of its end
    """

    statements: float
    seconds: float


@dataclasses.dataclass(frozen=True)
class Built:
    """What it took to build some load balancers, all asked for at once.

    :ivar cpu: seconds of the worker's processor time
    :ivar rss: MiB, afterwards
    """

    number: int
    seconds: float
    cpu: float
    rss: float
    pss: float


def build(world: World, number: int) -> Built:
    """So many load balancers more, each with a listener, a pool and a member."""
    begun, spent = time.monotonic(), cpu(world.pid)
    ids = [world.users.create() for _ in range(number)]
    world.octavia.wait(ids, LONG_PATIENCE)
    seconds, spent = time.monotonic() - begun, cpu(world.pid) - spent
    failed = [i for i in ids if world.octavia.provisioning(i) != "ACTIVE"]
    if failed:
        raise RuntimeError(f"{len(failed)} load balancers were not built, {failed[0]} for one")
    quiet(world)
    return Built(number, seconds, spent, *memory(world.pid))


def churn(world: World, number: int) -> tuple[float, float]:
    """Build so many and delete them again.

    :returns: RSS and PSS afterwards, in MiB
    """
    first = world.users.balancers + 1
    build(world, number)
    ids = [f"lb-{n}" for n in range(first, first + number)]
    for name in ids:
        world.users.delete_load_balancer(name)
    world.octavia.wait(ids, LONG_PATIENCE)
    quiet(world)
    return memory(world.pid)


def operations(world: World, repeats: int) -> dict[str, Cost]:
    """Each operation alone, several times; as many load balancers as before are left."""
    taken: dict[str, list[Cost]] = {}
    for _ in range(repeats):
        for name, cost in _life(world).items():
            taken.setdefault(name, []).append(cost)
    return {name: _median(costs) for name, costs in taken.items()}


def _life(world: World) -> dict[str, Cost]:
    users = world.users
    new = f"lb-{users.balancers + 1}"
    steps: dict[str, Callable[[], object]] = {
        "create": users.create,
        "listener": lambda: users.add_listener(new, protocol_port=81),
        "member, same network": lambda: _member(world, new, "10.32.255.10", "member-subnet"),
        "member, new network": lambda: _member(world, new, "10.48.255.10", "more-subnet"),
        "failover": lambda: users.failover(new),
        "delete": lambda: users.delete_load_balancer(new),
    }
    return {name: _cost(world, new, act) for name, act in steps.items()}


def _member(world: World, load_balancer_id: str, address: str, subnet: str) -> None:
    world.users.add_member(world.users.first_pool(load_balancer_id), address, subnet)


def _cost(world: World, load_balancer_id: str, act: Callable[[], object]) -> Cost:
    before = working(world.talk.counts())
    seconds = world.users.timed(load_balancer_id, act, PATIENCE)
    return Cost(quiet(world) - before, seconds)


def quiet(world: World) -> int:
    """Wait until nobody works on a job any more.

    :returns: statements so far of those that do
    """
    last, since = -1, time.monotonic()
    while time.monotonic() - since < _SETTLED:
        time.sleep(0.05)
        now = working(world.talk.counts())
        if now != last:
            last, since = now, time.monotonic()
    return last


def working(counts: Mapping[str, int]) -> int:
    return sum(counts.get(name, 0) for name in _WORKING)


def rounds(world: World, seconds: float) -> tuple[dict[str, float], float]:
    """What goes on while nobody asks for anything.

    :returns: statements per second by kind of thread, and the worker's share of a core
    """
    before, spent, begun = world.talk.counts(), cpu(world.pid), time.monotonic()
    time.sleep(seconds)
    after, took = world.talk.counts(), time.monotonic() - begun
    rates = {n: (after[n] - before.get(n, 0)) / took for n in sorted(after) if n not in _WORKING}
    return rates, (cpu(world.pid) - spent) / took


def _median(costs: list[Cost]) -> Cost:
    return Cost(
        statistics.median(c.statements for c in costs), statistics.median(c.seconds for c in costs)
    )
