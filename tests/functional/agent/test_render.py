"""Every document that is accepted is one the kernel can load, and load again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amphora_agent_ext import kernel, render, schema
from amphora_agent_ext.totals import Count, Totals
from tests.functional import netns
from tests.unit.amphora_agent_ext.strategies import documents

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def space() -> Iterator[netns.Namespace]:
    with netns.namespace("nft") as space:
        yield space


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=documents(), plugged=st.integers(0, 4))
def test_nft_accepts_every_valid_document(
    space: netns.Namespace, body: dict[str, Any], plugged: int
) -> None:
    document = schema.parse(body)
    macs = [interface.mac for interface in document.interfaces]
    names = {mac: f"eth{number}" for number, mac in enumerate(macs[:plugged], 1)}
    text = render.transaction(render.table(document, names))
    space.nft("-c", "-f", "-", stdin=text)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=documents())
def test_what_is_loaded_is_told_back(space: netns.Namespace, body: dict[str, Any]) -> None:
    document = schema.parse(body)
    named = {name: Count(number, 60 * number) for number, name in enumerate(render.COUNTERS, 1)}
    refused = {(x.protocol, x.port): Count(x.port, 7) for x in document.listeners}
    given_totals = Totals(named, refused)
    kernel.replace(space.name, render.transaction(render.table(document, {}, given_totals)))
    assert kernel.mark(space.name) == render.mark(document, {})
    assert kernel.totals(space.name) == given_totals


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(first=documents(), second=documents())
def test_a_refilled_table_is_what_a_new_one_would_be(
    space: netns.Namespace, first: dict[str, Any], second: dict[str, Any]
) -> None:
    before, after = schema.parse(first), schema.parse(second)
    old, new = render.table(before, {}), render.table(after, {})
    kernel.replace(space.name, render.transaction(new))
    expected = content(space)
    kernel.replace(space.name, render.transaction(old))
    kernel.replace(space.name, render.refill(new, before, after))
    refilled = content(space)
    # What only the old one needed stays as chains without a rule.
    assert {
        name: rules for name, rules in refilled.items() if rules or name in expected
    } == expected


def content(space: netns.Namespace) -> dict[str, list[str]]:
    """Rules of each chain, elements of each set and map."""
    told = json.loads(space.nft("-j", "list", "table", "inet", render.TABLE))["nftables"]
    found: dict[str, list[str]] = {}
    for kind, item in (pair for entry in told for pair in entry.items()):
        if kind == "rule":
            found[item["chain"]].append(json.dumps(item["expr"]))
        elif kind in ("chain", "set", "map"):
            found[item["name"]] = sorted(json.dumps(e) for e in item.get("elem", ()))
    return found


def test_many_elements(space: netns.Namespace) -> None:
    """Ten thousand (port, CIDR) pairs fit into one transaction."""
    if netns.in_user_namespace():
        pytest.skip("LEFT OUT: only real root may enlarge a netlink socket's buffer")
    listeners = [
        {
            "id": f"l{port}",
            "protocol": "tcp",
            "port": port,
            "allowed_cidrs": [
                f"10.{number}.{port % 250}.0/{24 + port % 8}" for number in range(100)
            ],
        }
        for port in range(1000, 1100)
    ]
    body = {"version": 1, "interfaces": [], "listeners": listeners}
    text = render.table(schema.parse(body), {})
    assert text.count("/24 . tcp") >= 1000
    kernel.replace(space.name, render.transaction(text))
    listed = kernel.listing(space.name)
    assert listed.count(". tcp .") >= 10_000
