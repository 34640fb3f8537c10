"""Dropped packets in the log of the kernel: only when asked for, and never too many."""

from __future__ import annotations

import pytest

from tests.functional.agent.conftest import BASE4, MACS, SERVER4, VIP4, Amphora, document
from tests.functional.agent.packets import frame, tcp

pytestmark = pytest.mark.root

DROPPED = {
    "refused": ("eth1", tcp("192.0.2.7", VIP4, 40000, 443)),
    "new": ("eth1", tcp(SERVER4, BASE4, 40000, 80)),
    "flags": ("eth1", tcp(SERVER4, VIP4, 40000, 80, "SF")),
    "spoofed": ("eth1", tcp(VIP4, VIP4, 40000, 80)),
    "other": ("eth1", tcp(SERVER4, VIP4, 40000, 22, "A")),
    "stray": ("eth1", tcp(SERVER4, "198.18.16.77", 40000, 80)),
    "undecided": ("eth5", tcp(SERVER4, VIP4, 40000, 80)),
    "unlisted": ("eth4", tcp(SERVER4, VIP4, 40000, 80)),
}


@pytest.mark.parametrize("log", [0, 5])
@pytest.mark.parametrize("reason", DROPPED)
def test_a_dropped_packet_is_counted_with_and_without_a_log(
    ready: Amphora, reason: str, log: int
) -> None:
    assert ready.post(document(log=log)).status_code == 200
    interface, packet = DROPPED[reason]
    assert interface in MACS
    for _ in range(2 * log or 2):
        assert not ready.passes(interface, frame(interface, packet))
    assert ready.dropped(reason) == (2 * log or 2)


def test_the_log_is_limited_and_named(ready: Amphora) -> None:
    assert " log " not in ready.ruleset()
    assert ready.post(document(log=7)).status_code == 200
    ruleset = ready.ruleset()
    for reason in (*DROPPED, "forward"):
        assert (
            f'limit rate 7/second burst 7 packets log prefix "amphora drop {reason}: "' in ruleset
        )
    assert ready.post(document()).status_code == 200
    assert " log " not in ready.ruleset()


@pytest.mark.parametrize("log", [-1, 1001, "yes", 1.5, True])
def test_the_rate_has_bounds(ready: Amphora, log: object) -> None:
    answer = ready.post(document(log=log))
    assert (answer.status_code, answer.json["path"]) == (400, "log")
