"""Traffic does not notice that the table is replaced under it."""

from __future__ import annotations

import threading
from typing import Any

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
        assert ready.post(changed(number)).status_code == 200
    end.set()
    sender.join()
    seen = observer.read()
    assert sent > REBUILDS
    assert seen["arrived"] - before["arrived"] == sent
    assert ready.dropped("refused") == (0 if allowed else 1 + sent)
    assert seen["passed"] - before["passed"] == (sent if allowed else 0)


def changed(number: int) -> dict[str, Any]:
    """Documents that differ in everything but whether this file's packets may come in."""
    listeners = document()["listeners"]
    listeners[1]["allowed_cidrs"] += [f"192.168.{number}.0/24", f"2001:db8:{number:x}::/48"]
    listeners.append({"id": "last", "protocol": ("tcp", "udp")[number % 2], "port": 1000 + number})
    members = [{"address": f"198.18.33.{number % 250}", "protocol": "tcp", "port": 8080}]
    return document(listeners=listeners, members=members, echo=number % 2 == 0)
