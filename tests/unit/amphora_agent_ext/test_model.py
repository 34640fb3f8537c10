"""Documents that mean the same are the same."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amphora_agent_ext import model, schema
from amphora_agent_ext.networks import parse
from tests.unit.amphora_agent_ext.bodies import body, listener
from tests.unit.amphora_agent_ext.strategies import documents


def networks(*texts: str) -> tuple[model.Network, ...]:
    return tuple(map(parse, texts))


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


@pytest.mark.parametrize(
    ("cidrs", "open_to", "reachable"),
    [
        ([], (4, 6), (4, 6)),
        (["10.0.0.0/8"], (), (4,)),
        (["0.0.0.0/0"], (4,), (4,)),
        (["::/0", "10.0.0.0/8"], (6,), (4, 6)),
        (["2001:db8::/32", "192.0.2.0/24", "10.0.0.0/8"], (), (4, 6)),
        (["0.0.0.0/1", "128.0.0.0/1", "::/0"], (4, 6), (4, 6)),
        (["2001:db8::/32"], (), (6,)),
    ],
)
def test_who_a_listener_is_for(
    cidrs: list[str], open_to: tuple[int, ...], reachable: tuple[int, ...]
) -> None:
    (parsed,) = schema.parse(body(listeners=[listener(allowed_cidrs=cidrs)])).listeners
    assert tuple(v for v in (4, 6) if parsed.open(v)) == open_to
    assert tuple(v for v in (4, 6) if parsed.reachable(v)) == reachable


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
        model.Document(log=5),
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
