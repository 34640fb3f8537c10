"""Tasks of one flow side by side, as in production."""

from __future__ import annotations

import time

from tests.fakes import errors
from tests.unit.worker.harness import World
from tests.unit.worker.pairs import pair
from tests.unit.worker.scenes import clean, working


def test_slow_boot_does_not_forget_the_base_port(threaded: World) -> None:
    """Both are about the same amphora's record, at the same time."""
    noted: list[str | None] = []

    def wait_for_the_port(verb: str, when: str) -> None:
        deadline = time.monotonic() + 10
        while (verb, when) == ("management_ip", "before") and time.monotonic() < deadline:
            if address := threaded.only_amphora("lb-1").vrrp_ip:
                noted.append(address)
                return
            time.sleep(0.01)

    threaded.cloud.observers.append(wait_for_the_port)
    lb = threaded.create_load_balancer()
    threaded.run_all()
    amphora = threaded.only_amphora(lb)
    assert noted == [amphora.vrrp_ip]
    assert amphora.management_ip and amphora.host and amphora.vrrp_port_id


def test_successors_are_configured_while_their_predecessors_are_deleted(threaded: World) -> None:
    """Those of a pair, which need no room; keepalived waits for the end of it."""
    scene = working(threaded, **pair())
    noted: list[list[str]] = []

    def handed_over() -> list[str]:
        """The calls since the one that is deleted was stopped."""
        return calls.log[len(calls.log) - calls.log[::-1].index("stop_vrrp") :]

    def wait_for_haproxy(verb: str, when: str) -> None:
        if (verb, when) != ("delete_server", "before"):
            return
        deadline = time.monotonic() + 10
        while "configure" not in handed_over() and time.monotonic() < deadline:
            time.sleep(0.01)
        noted.append(handed_over())

    with threaded.counted() as calls:
        threaded.cloud.observers.append(wait_for_haproxy)
        threaded.failover(scene.lb)
        threaded.run_all()
        threaded.cloud.observers.remove(wait_for_haproxy)
    assert len(noted) == 2
    for meanwhile in noted:
        assert "configure" in meanwhile
        assert "configure_vrrp" not in meanwhile
    clean(threaded, scene.lb)


def test_populated_load_balancer(threaded: World) -> None:
    scene = working(threaded)
    threaded.failover(scene.lb)
    threaded.run_all()
    assert threaded.agent.provisioning(scene.lb) == "ACTIVE"
    assert threaded.served_members(scene.lb) == {scene.direct, scene.normal}
    clean(threaded, scene.lb)


def test_two_failures_at_once(threaded: World) -> None:
    threaded.cloud.fail("create_port", errors.quota(), times=None)
    threaded.cloud.fail("get_server", errors.not_found())
    lb = threaded.create_load_balancer()
    threaded.run_all()
    assert threaded.agent.provisioning(lb) == "ERROR"
    assert threaded.codes(lb, lb)[0] in ("quota", "not-found")
    assert threaded.cloud.left_over() == ()


def test_defect_ends_as_a_reason(threaded: World) -> None:
    threaded.amphora.fail("wait_ready", ZeroDivisionError("oops"))
    lb = threaded.create_load_balancer()
    threaded.run_all()
    assert threaded.agent.provisioning(lb) == "ERROR"
    (reason,) = threaded.reasons(lb)
    assert reason.code == "internal"
    assert "oops" in reason.operator
    assert "oops" not in reason.user
    assert threaded.cloud.left_over() == ()
