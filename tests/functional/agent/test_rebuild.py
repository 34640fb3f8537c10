"""Traffic does not notice that the table is replaced under it."""

from __future__ import annotations

import threading

import pytest

from tests.functional.agent.conftest import VIP4, Amphora, document
from tests.functional.agent.packets import frame, tcp

pytestmark = pytest.mark.root

REBUILDS = 60


@pytest.mark.parametrize(("source", "allowed"), [("10.9.8.7", True), ("192.0.2.7", False)])
def test_no_packet_is_judged_wrong_during_a_rebuild(
    ready: Amphora, source: str, allowed: bool
) -> None:
    observer, wire = ready.cabling.observer, ready.cabling.wires["eth1"]
    packet, end = frame("eth1", tcp(source, VIP4, 40000, 443, "A")), threading.Event()
    sent = 0

    def flood() -> None:
        nonlocal sent
        while not end.is_set():
            for _ in range(20):
                sent += wire.send(packet) == len(packet)
            end.wait(0.002)

    assert observer.passes(wire, packet) is allowed
    before = observer.read()
    sender = threading.Thread(target=flood)
    sender.start()
    for number in range(REBUILDS):
        assert ready.post(document(echo=number % 2 == 0)).status_code == 200
    end.set()
    sender.join()
    seen = observer.read()
    assert sent > REBUILDS
    assert seen["arrived"] - before["arrived"] == sent
    assert seen["passed"] - before["passed"] == (sent if allowed else 0)
