"""Every document that is accepted is one the kernel can load, and change to any other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amphora_agent_ext import kernel, patch, render, schema, sources
from amphora_agent_ext.ruleset import Ruleset
from tests.functional import netns
from tests.unit.amphora_agent_ext.strategies import documents

pytestmark = pytest.mark.root

_RARELY = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@pytest.fixture(scope="module")
def space() -> Iterator[netns.Namespace]:
    with netns.namespace("nft") as space:
        yield space


def rules(body: dict[str, Any], plugged: int = 4) -> Ruleset:
    document = schema.parse(body)
    macs = [interface.mac for interface in document.interfaces]
    return render.ruleset(document, {mac: f"eth{n}" for n, mac in enumerate(macs[:plugged], 1)})


def load(space: netns.Namespace, wanted: Ruleset) -> str:
    """Load a whole table; what the kernel then holds."""
    kernel.replace(space.name, render.transaction(render.text(wanted)))
    return kernel.fingerprint(space.name)[1]


def patched(space: netns.Namespace, old: Ruleset, new: Ruleset) -> str:
    """Change the table; what the kernel then holds."""
    change = patch.patch(old, new)
    kernel.replace(space.name, change.text)
    if change.sweep:
        kernel.replace(space.name, change.sweep)
    return kernel.fingerprint(space.name)[1]


@settings(max_examples=60, **_RARELY)
@given(body=documents(), plugged=st.integers(0, 4))
def test_nft_accepts_every_valid_document(
    space: netns.Namespace, body: dict[str, Any], plugged: int
) -> None:
    text = render.transaction(render.text(rules(body, plugged)))
    space.nft("-c", "-f", "-", stdin=text)


@settings(max_examples=40, **_RARELY)
@given(first=documents(), second=documents())
def test_a_changed_table_is_what_a_new_one_would_be(
    space: netns.Namespace, first: dict[str, Any], second: dict[str, Any]
) -> None:
    old, new = rules(first), rules(second)
    expected = load(space, new)
    load(space, old)
    assert patched(space, old, new) == expected


@settings(max_examples=40, **_RARELY)
@given(body=documents(), other=documents(), key=st.sampled_from(["listeners", "members", "ping"]))
def test_a_small_change_is_what_a_new_table_would_be(
    space: netns.Namespace, body: dict[str, Any], other: dict[str, Any], key: str
) -> None:
    """One section of the document gains and loses some of its entries."""
    changed = {**body, key: other[key][:2] + body[key][1:]}
    if key == "listeners":
        taken = {(x["protocol"], x["port"]) for x in body[key][1:]}
        fresh = [x for x in other[key][:2] if (x["protocol"], x["port"]) not in taken]
        changed[key] = [{**x, "id": f"new-{n}"} for n, x in enumerate(fresh)] + body[key][1:]
    old, new = rules(body), rules(changed)
    expected = load(space, new)
    load(space, old)
    assert patched(space, old, new) == expected


def restricted(count: int, lengths: int = 1) -> dict[str, Any]:
    """So many (port, CIDR) pairs, of so many prefix lengths, at a hundred ports."""
    listeners = [
        {
            "id": f"l{port}",
            "protocol": "tcp",
            "port": port,
            "allowed_cidrs": [
                f"10.{n % 250}.{n // 250 * 4 % 256}.0/{32 - n % lengths}"
                for n in range(count // 100)
            ],
        }
        for port in range(1000, 1100)
    ]
    return {"version": 1, "interfaces": [], "listeners": listeners}


@pytest.mark.parametrize("lengths", [1, 2 * sources.LINEAR])
def test_many_elements(space: netns.Namespace, lengths: int) -> None:
    """Ten thousand (port, CIDR) pairs fit into one transaction."""
    if netns.in_user_namespace():
        pytest.skip("LEFT OUT: only real root may enlarge a netlink socket's buffer")
    old = rules(restricted(10_000, lengths))
    body = restricted(10_000, lengths)
    body["listeners"][50]["allowed_cidrs"].append("192.0.2.7/32")
    body["listeners"][51]["allowed_cidrs"].pop()
    new = rules(body)
    expected = load(space, new)
    load(space, old)
    assert kernel.listing(space.name).count(". tcp .") >= 10_000
    assert len(patch.patch(old, new).text) < 2_000
    assert patched(space, old, new) == expected
