from __future__ import annotations

import dataclasses
import datetime

import pytest

from sriov_provider.network.base import Port
from sriov_provider.sweep import rules
from sriov_provider.sweep.model import Found, Held, Kind, Known, Leak

LB = "00000000-0000-4000-8000-00000000000a"
SERVER_NAME = "amphora-10000000-0000-4000-8000-00000000000b"
NOW = datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone.utc)
OLD = NOW - datetime.timedelta(seconds=7200)
YOUNG = NOW - datetime.timedelta(seconds=3599)


def a_port(server: str = "") -> Port:
    return Port("p", "octavia-lb-vrrp-x", "net", "fa:16:3e:00:00:01", (), device_id=server)


PORT = Found(Kind.PORT, "p", "octavia-lb-vrrp-x", LB, OLD, a_port())
GROUP = Found(Kind.SECURITY_GROUP, "g", f"lb-{LB}", LB, OLD)
SERVER = Found(Kind.SERVER, "s", SERVER_NAME, LB, OLD)
SERVER_GROUP = Found(Kind.SERVER_GROUP, "sg", f"octavia-lb-{LB}", members=())
EVERY = (SERVER_GROUP, GROUP, PORT, SERVER)


def leaks(*found: Found, known: Known | None = None, grace: float = 3600) -> tuple[Leak, ...]:
    return rules.leaks(found, known or Known(ended={LB: OLD}), NOW, grace)


def test_what_nobody_knows_in_the_order_of_deleting() -> None:
    told = leaks(*EVERY)
    assert [k.found.kind for k in told] == list(Kind)
    assert {(k.load_balancer_id, k.age, k.obstacle) for k in told} == {(LB, 7200.0, None)}
    assert {k.why for k in told} == {"its load balancer is not on record"}


@pytest.mark.parametrize("one", EVERY, ids=lambda f: f.kind.value)
def test_what_is_on_record_is_no_leak(one: Found) -> None:
    by_id = Held(one.kind, one.id, "another name", LB)
    by_name = Held(one.kind, None, one.name, LB)
    known = Known(balancers=frozenset({LB}), ended={LB: OLD})
    for held in (by_id, by_name):
        assert leaks(one, known=dataclasses.replace(known, held=(held,))) == ()
    second = Held(one.kind, "the first of this name", one.name, LB)
    (leak,) = leaks(one, known=dataclasses.replace(known, held=(second,)))
    assert leak.why == "its load balancer's records do not mention it"


@pytest.mark.parametrize("one", EVERY, ids=lambda f: f.kind.value)
def test_a_load_balancer_with_a_job_is_left_alone(one: Found) -> None:
    assert leaks(one, known=Known(ended={LB: OLD}, busy=frozenset({LB}))) == ()


@pytest.mark.parametrize("one", EVERY, ids=lambda f: f.kind.value)
def test_a_job_that_ended_a_moment_ago(one: Found) -> None:
    assert leaks(one, known=Known(ended={LB: YOUNG})) == ()
    assert leaks(one, known=Known(ended={LB: YOUNG}), grace=3599)


@pytest.mark.parametrize("one", [PORT, GROUP, SERVER], ids=lambda f: f.kind.value)
def test_what_was_made_a_moment_ago(one: Found) -> None:
    young = dataclasses.replace(one, created_at=YOUNG)
    assert leaks(young) == ()
    assert leaks(young, grace=3599)
    assert leaks(dataclasses.replace(one, created_at=None), known=Known()) == ()


@pytest.mark.parametrize("one", [PORT, GROUP, SERVER], ids=lambda f: f.kind.value)
def test_nothing_that_is_not_ours(one: Found) -> None:
    assert leaks(dataclasses.replace(one, load_balancer_id=None)) == ()
    assert leaks(dataclasses.replace(one, mine=False)) == ()


@pytest.mark.parametrize("name", ["web", f"{SERVER_NAME}-2", "a-server", "aABCDEF", "a1234567z"])
def test_a_server_with_another_name_is_nobody_s_amphora(name: str) -> None:
    assert leaks(dataclasses.replace(SERVER, name=name)) == ()


def test_a_short_random_name() -> None:
    assert leaks(dataclasses.replace(SERVER, name="a10000000"))


def test_an_untagged_server_is_known_by_one_of_our_ports() -> None:
    untagged = dataclasses.replace(SERVER, load_balancer_id=None)
    attached = dataclasses.replace(PORT, port=a_port("s"))
    assert leaks(untagged) == ()
    assert [k.found.id for k in leaks(untagged, attached)] == ["s", "p"]
    foreign = dataclasses.replace(attached, mine=False)
    assert leaks(untagged, foreign) == ()


def test_a_server_group_is_known_by_a_load_balancer_that_was_ours() -> None:
    assert leaks(SERVER_GROUP, known=Known()) == ()
    assert leaks(dataclasses.replace(SERVER_GROUP, name="octavia-lb-web")) == ()
    (leak,) = leaks(SERVER_GROUP)
    assert leak.load_balancer_id == LB


def test_a_port_of_a_server_that_stays() -> None:
    attached = dataclasses.replace(PORT, port=a_port("s"))
    held = Held(Kind.SERVER, "s", SERVER_NAME, LB)
    known = Known(held=(held,), balancers=frozenset({LB}), ended={LB: OLD})
    (leak,) = leaks(attached, SERVER, known=known)
    assert leak.obstacle == "attached to server s, which is in use"
    assert [k.obstacle for k in leaks(attached, SERVER)] == [None, None]


def test_a_server_group_with_a_server_that_stays() -> None:
    full = dataclasses.replace(SERVER_GROUP, members=("s", "theirs"))
    leak = leaks(full, SERVER)[-1]
    assert leak.obstacle == "has servers that are in use: theirs"


def test_a_port_recorded_as_leaked() -> None:
    (leak,) = leaks(PORT, known=Known(given_up=frozenset({"p"})))
    assert leak.why == "could not be released before"


def test_what_is_on_record_and_gone() -> None:
    held = tuple(Held(f.kind, f.id, f.name, LB) for f in EVERY)
    known = Known(held=(*held, Held(Kind.PORT, None, "not made yet", LB)))
    assert rules.missing(EVERY, known) == ()
    assert [h.id for h in rules.missing((PORT, GROUP), known)] == ["sg", "s"]
    assert rules.missing((), dataclasses.replace(known, busy=frozenset({LB}))) == ()
