"""One scenario: a fault in the middle of an operation, and what the end looks like."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from openstack import exceptions

from tests.demo.report import DemoFailure, expect, wait_for
from tests.matrix import leaks, outages, results
from tests.matrix.operations import OPERATIONS, Operation
from tests.matrix.phases import REQUEST, TWO, Scenario
from tests.matrix.results import Result
from tests.matrix.shape import Shape, differences, shape
from tests.matrix.stage import Stage
from tests.matrix.watcher import Watcher
from tests.matrix.workers import Workers, alive

# Seconds.
LEASE = 5
SETTLE = 150.0
LEAVE = 90.0


@dataclass(frozen=True)
class Reference:
    """An operation that nothing disturbed."""

    trace: tuple[str, ...]
    shape: Shape
    seconds: float


class Bench:
    """What every scenario needs."""

    def __init__(self, stage: Stage, workers: Workers, watcher: Watcher) -> None:
        self.stage, self.workers, self.watcher = stage, workers, watcher

    def ready(self, operation: Operation) -> None:
        """One worker, and the operation's starting point; where it cannot be reached, with another
        load balancer."""
        self.watcher.arm()
        self.workers.exactly(1)
        try:
            operation.prepare(self.stage)
        except (DemoFailure, exceptions.SDKException):
            self.stage.give_up(operation.balancer)
            operation.prepare(self.stage)

    def undisturbed(self, operation: Operation) -> Reference:
        """As it should be."""
        self.ready(operation)
        self.watcher.arm()
        began = time.monotonic()
        balancer = operation.request(self.stage)
        self.stage.settle(balancer, SETTLE)
        seconds = time.monotonic() - began
        expect("end" in self.watcher.trace(), f"{operation.name}: no job was seen")
        found = Reference(self.watcher.trace(), shape(self.stage, balancer), seconds)
        left = leaks.leaked(self.stage)
        expect(not left, f"{operation.name}, undisturbed, leaves behind {left}")
        return found

    def run(self, scenario: Scenario, reference: Reference) -> Result:
        """The verdict; whatever was found wrong is out of the way of the next one."""
        operation = OPERATIONS[scenario.operation]
        self.ready(operation)
        attempt = Attempt(self, scenario)
        try:
            balancer = attempt.request(operation)
            verdict, detail = attempt.end(balancer, reference)
        finally:
            outages.repair()
        if verdict == results.STUCK:
            self.workers.kill()
        if verdict not in (results.OK, results.NOT_MET):
            # Octavia lets nobody rename what is PENDING; with a worker it may end yet.
            with contextlib.suppress(exceptions.ConflictException):
                self.stage.give_up(operation.balancer)
        seconds = max(0.0, attempt.settled - attempt.over)
        return Result(
            scenario.operation, scenario.point, scenario.phase, scenario.fault,
            verdict, round(seconds, 1), detail,
        )  # fmt: skip


class Attempt:
    """:ivar over: when the fault was over
    :ivar settled: when the operation was
    """

    def __init__(self, bench: Bench, scenario: Scenario) -> None:
        self.bench, self.scenario = bench, scenario
        self.over = self.settled = time.monotonic()
        self.check_once = False
        self.complaints: list[str] = []

    def request(self, operation: Operation) -> str:
        """Asks for the operation and lets the fault happen; the load balancer's id."""
        bench, point = self.bench, self.scenario.point
        fault = FAULTS.get(self.scenario.fault) or _outage(self.scenario.fault)
        if point == REQUEST:
            before = fault.strike(self, bench.workers.pids[0])
            balancer = operation.request(bench.stage)
            time.sleep(1)
            fault.after(self, before)
            return balancer
        struck: list[object] = []
        bench.watcher.arm(point, lambda pid: struck.append(fault.strike(self, pid)))
        balancer = operation.request(bench.stage)
        if self.met(balancer):
            fault.after(self, struck[0])
        return balancer

    def met(self, balancer: str) -> bool:
        """Waits for the point, or the end of the operation without it."""
        watcher, end = self.bench.watcher, time.monotonic() + SETTLE
        while time.monotonic() < end:
            if watcher.struck.wait(1):
                return True
            if "delivered" in watcher.trace() and not self.bench.stage.busy(balancer):
                break
        return watcher.struck.is_set()

    def end(self, balancer: str, reference: Reference) -> tuple[str, str]:
        """Verdict and what was wrong."""
        bench = self.bench
        try:
            bench.stage.settle(balancer, SETTLE)
        except DemoFailure:
            return results.STUCK, "; ".join(bench.stage.busy(balancer))
        self.settled = time.monotonic()
        if self.scenario.point != REQUEST and not bench.watcher.struck.is_set():
            return results.NOT_MET, f"passed {bench.watcher.trace()}"
        left = leaks.leaked(bench.stage)
        if left:
            return results.LEAKED, "; ".join(left)
        found = self.different(balancer, reference) + self.repeated() + self.complaints
        return (results.DIFFERENT, "; ".join(found)) if found else (results.OK, "")

    def different(self, balancer: str, reference: Reference) -> list[str]:
        """From the undisturbed run."""
        try:
            return differences(reference.shape, shape(self.bench.stage, balancer))
        except (DemoFailure, exceptions.SDKException) as error:
            return [str(error)]

    def repeated(self) -> list[str]:
        """Jobs that were begun more than once though nothing was wrong."""
        begun = self.bench.watcher.begun() if self.check_once else {}
        twice = [f"{job} attempt {n}: {c}" for (job, n), c in begun.items() if c > 1 or n > 1]
        return [f"begun more than once: {job}" for job in twice] or (
            ["no job was begun"] if self.check_once and not begun else []
        )


@dataclass(frozen=True)
class Fault:
    """:ivar strike: at the point, with the worker's pid
    :ivar after: until the fault is over; gets what *strike* returned
    """

    strike: Callable[[Attempt, int], object]
    after: Callable[[Attempt, object], None]


def _outage(name: str) -> Fault:
    """It ends by itself: a user may be waiting for that."""
    outage = outages.OUTAGES[name]

    def strike(_attempt: Attempt, _pid: int) -> object:
        outage.begin()
        ending = ThreadPoolExecutor(1, "outage")
        over = ending.submit(outages.last, outage, time.monotonic())
        ending.shutdown(wait=False)
        return over

    def after(attempt: Attempt, over: object) -> None:
        assert isinstance(over, Future)
        over.result()
        attempt.over = time.monotonic()

    return Fault(strike, after)


def _kill(_attempt: Attempt, pid: int) -> object:
    os.kill(pid, signal.SIGKILL)
    return pid


def _killed(attempt: Attempt, pid: object) -> None:
    """Another worker, which the job is left to."""
    assert isinstance(pid, int)
    wait_for(f"worker {pid} dead", lambda: not alive(pid), 10, 0.02)
    attempt.bench.workers.exactly(1)
    attempt.over = time.monotonic()


def _terminate(_attempt: Attempt, pid: int) -> object:
    os.kill(pid, signal.SIGTERM)
    return pid


def _terminated(attempt: Attempt, pid: object) -> None:
    """The job is finished or handed back, not left to its lease; and the worker ends."""
    assert isinstance(pid, int)
    attempt.over = time.monotonic()
    attempt.bench.workers.start()
    try:
        wait_for(f"worker {pid} ended", lambda: not alive(pid), LEAVE, 0.1)
    except DemoFailure as error:
        attempt.complaints.append(str(error))
        os.kill(pid, signal.SIGKILL)


def _pause(attempt: Attempt, pid: int) -> object:
    """From outside, as it could not go on by itself."""
    threading.Timer(0.0, os.kill, (pid, signal.SIGSTOP)).start()
    stat = f"/proc/{pid}/stat"
    wait_for("worker stopped", lambda: " T " in open(stat).read(), 5, 0.01)  # noqa: SIM115
    return pid


def _paused(attempt: Attempt, pid: object) -> None:
    """Another worker takes over when the lease is over, and in the middle of that the first one
    goes on where it was."""
    assert isinstance(pid, int)
    attempt.bench.workers.start()
    time.sleep(LEASE + 1.5)
    os.kill(pid, signal.SIGCONT)
    attempt.over = time.monotonic()


def _second(attempt: Attempt, _pid: int) -> object:
    attempt.bench.watcher.arm()
    return attempt.bench.workers.start()


def _once(attempt: Attempt, _pid: object) -> None:
    """With two workers each job is begun once, by one of them."""
    attempt.over = time.monotonic()
    attempt.check_once = True


FAULTS = {
    "SIGKILL": Fault(_kill, _killed),
    "SIGTERM": Fault(_terminate, _terminated),
    "frozen": Fault(_pause, _paused),
    TWO: Fault(_second, _once),
}
ALL = (*FAULTS, *outages.OUTAGES)
BY_DEFAULT = (*FAULTS, *outages.AWAY)
