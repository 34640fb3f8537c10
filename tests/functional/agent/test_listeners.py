"""Who may connect to a VIP."""

from __future__ import annotations

import pytest

from amphora_agent_ext.render import TABLE
from tests.functional.agent.conftest import (
    BASE4,
    BASE6,
    MEMBER4,
    MEMBER6,
    VIP4,
    VIP6,
    Amphora,
    document,
)
from tests.functional.agent.packets import frame, sctp, tcp, udp

pytestmark = pytest.mark.root

ALLOWED4, REFUSED4 = "10.9.8.7", "192.0.2.7"
ALLOWED6, REFUSED6 = "2001:db8:a::7", "2001:db8:b::7"


@pytest.mark.parametrize(
    ("source", "vip", "port", "expected"),
    [
        (REFUSED4, VIP4, 80, True),
        (REFUSED6, VIP6, 80, True),
        (ALLOWED4, VIP4, 443, True),
        ("10.1.2.3", VIP4, 443, True),
        (REFUSED4, VIP4, 443, False),
        (ALLOWED6, VIP6, 443, True),
        (REFUSED6, VIP6, 443, False),
        (REFUSED4, VIP4, 81, True),
        (REFUSED6, VIP6, 81, False),
        (ALLOWED4, VIP4, 22, False),
        (ALLOWED6, VIP6, 22, False),
    ],
)
def test_a_client_connects_to_what_it_may(
    ready: Amphora, source: str, vip: str, port: int, expected: bool
) -> None:
    packet = frame("eth1", tcp(source, vip, 40000, port))
    assert ready.passes("eth1", packet) is expected
    established = frame("eth1", tcp(source, vip, 40000, port, "A"))
    assert ready.passes("eth1", established) is expected


@pytest.mark.parametrize(
    ("interface", "source", "address"),
    [
        ("eth1", ALLOWED4, BASE4),
        ("eth1", ALLOWED6, BASE6),
        ("eth2", ALLOWED4, MEMBER4),
        ("eth2", ALLOWED6, MEMBER6),
        ("eth2", ALLOWED4, VIP4),
        ("eth2", ALLOWED6, VIP6),
    ],
)
def test_listeners_answer_on_the_vip_only(
    ready: Amphora, interface: str, source: str, address: str
) -> None:
    assert not ready.passes(interface, frame(interface, tcp(source, address, 40000, 80)))


@pytest.mark.parametrize(("build", "protocol"), [(udp, "udp"), (sctp, "sctp")])
@pytest.mark.parametrize(
    ("source", "vip", "expected"),
    [
        (ALLOWED4, VIP4, True),
        (REFUSED4, VIP4, False),
        (ALLOWED6, VIP6, True),
        (REFUSED6, VIP6, False),
    ],
)
def test_lvs_listeners(
    amphora: Amphora, build: object, protocol: str, source: str, vip: str, expected: bool
) -> None:
    allowed = ["10.0.0.0/8", "2001:db8:a::/48"]
    listener = {"id": "l", "protocol": protocol, "port": 5353, "allowed_cidrs": allowed}
    assert amphora.post(document(listeners=[listener])).status_code == 200
    assert callable(build)
    assert amphora.passes("eth1", frame("eth1", build(source, vip, 999, 5353))) is expected
    # The same port of another protocol is another port.
    assert not amphora.passes("eth1", frame("eth1", tcp(source, vip, 999, 5353)))


def counted(amphora: Amphora, listener: str, kind: str) -> int:
    """Packets accepted or refused for one listener."""
    return int(amphora.get()["counters"]["listeners"][listener][kind]["packets"])


def test_a_refused_client_is_counted_by_reason_and_by_listener(ready: Amphora) -> None:
    for source, vip in ((REFUSED4, VIP4), (REFUSED4, VIP4), (REFUSED6, VIP6)):
        ready.passes("eth1", frame("eth1", tcp(source, vip, 40000, 443)))
    assert ready.dropped("refused") == 3
    assert counted(ready, "restricted", "refused") == 3
    assert counted(ready, "restricted", "accepted") == 0
    assert counted(ready, "open", "refused") == 0


@pytest.mark.parametrize(
    ("listener", "port", "accepted"),
    [
        ("open", 80, [(REFUSED4, VIP4), (REFUSED6, VIP6)]),
        ("restricted", 443, [(ALLOWED4, VIP4), (ALLOWED6, VIP6)]),
        ("v4-only", 81, [(REFUSED4, VIP4)]),
    ],
)
def test_an_accepted_client_is_counted_for_its_listener(
    ready: Amphora, listener: str, port: int, accepted: list[tuple[str, str]]
) -> None:
    for source, vip in accepted:
        packet = tcp(source, vip, 40000, port, "A")
        assert ready.passes("eth1", frame("eth1", packet))
    told = ready.get()["counters"]["listeners"]
    assert told[listener]["accepted"]["packets"] == len(accepted)
    assert told[listener]["accepted"]["bytes"] == sum(60 if ":" in s else 40 for s, _ in accepted)
    assert sum(t[kind]["packets"] for t in told.values() for kind in t) == len(accepted)


def test_the_counts_survive_another_document(ready: Amphora) -> None:
    for body in (None, document(echo=True), document(members=[])):
        assert body is None or ready.post(body).status_code == 200
        ready.passes("eth1", frame("eth1", tcp(REFUSED4, VIP4, 40000, 443)))
        ready.passes("eth1", frame("eth1", tcp(ALLOWED4, VIP4, 40000, 443)))
    assert ready.dropped("refused") == 3
    assert counted(ready, "restricted", "refused") == 3
    assert counted(ready, "restricted", "accepted") == 3


@pytest.mark.parametrize("by_hand", [False, True])
def test_the_counts_survive_whatever_becomes_of_the_listener(ready: Amphora, by_hand: bool) -> None:
    """Open or restricted, kept or made anew, the same agent or another one."""
    some = (["10.0.0.0/8"], ["0.0.0.0/0"], ["10.0.0.0/8", "::/0"], ["10.0.0.0/9"])
    for number, cidrs in enumerate(([], *some, []), 1):
        listener = {"id": "a", "protocol": "tcp", "port": 80, "allowed_cidrs": cidrs}
        assert ready.post(document(listeners=[listener])).status_code == 200
        assert ready.passes("eth1", frame("eth1", tcp(ALLOWED4, VIP4, 40000, 80)))
        if by_hand:
            ready.space.nft("add", "chain", "inet", TABLE, "mine")
            ready.firewall.memory.held = ready.firewall.memory.rendered = None
        assert counted(ready, "a", "accepted") == number


def test_another_listener_on_the_same_port_starts_at_zero(ready: Amphora) -> None:
    syn = frame("eth1", tcp(ALLOWED4, VIP4, 40000, 80))
    for identity in ("first", "second", "second"):
        listener = {"id": identity, "protocol": "tcp", "port": 80}
        assert ready.post(document(listeners=[listener])).status_code == 200
        assert ready.passes("eth1", syn)
    assert counted(ready, "second", "accepted") == 2


def test_closing_a_listener_closes_its_port(ready: Amphora) -> None:
    syn = frame("eth1", tcp(ALLOWED4, VIP4, 40000, 80))
    assert ready.passes("eth1", syn)
    assert ready.post(document(listeners=[])).status_code == 200
    assert not ready.passes("eth1", syn)
