"""Documents that mean the same are the same."""

from __future__ import annotations

import copy
import ipaddress
import itertools
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amphora_agent_ext import model, schema
from tests.unit.amphora_agent_ext.bodies import body, listener
from tests.unit.amphora_agent_ext.strategies import CIDRS, documents


def networks(*texts: str) -> tuple[model.Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


@pytest.mark.parametrize(
    ("cidrs", "expected"),
    [
        ([], ()),
        (["10.0.0.0/8", "10.1.0.0/16"], networks("10.0.0.0/8")),
        (["10.0.0.1/8"], networks("10.0.0.0/8")),
        (["10.0.0.0/9", "10.128.0.0/9"], networks("10.0.0.0/8")),
        (["10.0.0.0/8", "10.0.0.0/8"], networks("10.0.0.0/8")),
        (["2001:db8::1/32", "10.0.0.0/8"], networks("10.0.0.0/8", "2001:db8::/32")),
        (["10.0.0.0/8", "0.0.0.0/0"], networks("0.0.0.0/0")),
        (["192.0.2.1"], networks("192.0.2.1/32")),
    ],
)
def test_cidrs_are_collapsed(cidrs: list[str], expected: tuple[model.Network, ...]) -> None:
    document = schema.parse(body(listeners=[listener(allowed_cidrs=cidrs)]))
    assert document.listeners[0].allowed_cidrs == expected


def test_a_listener_for_nobody_in_particular_is_for_all() -> None:
    everyone = model.Listener("a", "tcp", 80)
    assert everyone.sources(4) == networks("0.0.0.0/0")
    assert everyone.sources(6) == networks("::/0")
    some = model.Listener("a", "tcp", 80, networks("10.0.0.0/8"))
    assert some.sources(4) == networks("10.0.0.0/8")
    assert some.sources(6) == ()


@given(cidrs=st.lists(CIDRS, min_size=1), address=st.ip_addresses())
def test_collapsing_keeps_what_is_allowed(cidrs: list[str], address: model.Address) -> None:
    given = [ipaddress.ip_network(cidr, strict=False) for cidr in cidrs]
    collapsed = model.collapse(given)
    assert any(address in n for n in given) == any(address in n for n in collapsed)
    for network in given:
        assert any(network.network_address in n for n in collapsed)


@given(cidrs=st.lists(CIDRS))
def test_collapsed_networks_do_not_overlap(cidrs: list[str]) -> None:
    collapsed = model.collapse(ipaddress.ip_network(cidr, strict=False) for cidr in cidrs)
    for one, other in itertools.pairwise(collapsed):
        assert one.version != other.version or not one.overlaps(other)


@given(given_body=documents(), seed=st.integers())
def test_order_and_repetition_mean_nothing(given_body: dict[str, Any], seed: int) -> None:
    expected = schema.parse(given_body)
    shuffled = copy.deepcopy(given_body)
    shuffled["members"] *= 2
    shuffled["peers"] *= 2
    for value in shuffled.values():
        if isinstance(value, list):
            random.Random(seed).shuffle(value)
    assert schema.parse(shuffled) == expected
    assert model.digest(schema.parse(shuffled)) == model.digest(expected)


@given(given_body=documents())
def test_the_canonical_form_is_a_document_again(given_body: dict[str, Any]) -> None:
    document = schema.parse(given_body)
    assert schema.parse(model.canonical(document)) == document
    assert model.normalise(document) == document


def test_the_digest_tells_documents_apart() -> None:
    documents = [
        model.Document(),
        model.Document(echo=True),
        schema.parse(body()),
        schema.parse(body(members=[])),
        schema.parse(body(listeners=[listener(allowed_cidrs=["10.0.0.0/8"])])),
    ]
    digests = {model.digest(document) for document in documents}
    assert len(digests) == len(documents)
    assert all(len(digest) == 64 for digest in digests)


@pytest.mark.parametrize(("protocol", "lvs"), [("tcp", False), ("udp", True), ("sctp", True)])
def test_who_needs_lvs(protocol: str, lvs: bool) -> None:
    assert schema.parse(body(listeners=[listener(protocol=protocol)])).lvs is lvs
