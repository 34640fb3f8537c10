"""Who may connect, looked up as the rules look it up."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amphora_agent_ext import model, networks, schema, sources
from amphora_agent_ext.ruleset import Block
from amphora_agent_ext.sets import IPV4, IPV6, Family
from tests.unit.amphora_agent_ext.bodies import body, listener
from tests.unit.amphora_agent_ext.strategies import CIDRS

_RULE = re.compile(
    r"ip6? saddr( & (?P<mask>\S+))? \. meta l4proto \. th dport "
    r"(?P<kind>!= |vmap )?@(?P<block>\w+)( goto (?P<chain>\w+))?"
)
FAMILIES = {4: IPV4, 6: IPV6}


def parsed(*cidrs: str) -> model.Document:
    return schema.parse(body(listeners=[listener(allowed_cidrs=list(cidrs))]))


class Machine:
    """Follows the rules for one address."""

    def __init__(self, document: model.Document, family: Family) -> None:
        self._family = family
        found = sources.lookup(document, family)
        self._blocks: dict[str, Block] = {b.name: b for b in found.blocks}
        self._chains = found.chains
        self.lookups = 0

    def allows(self, address: int) -> bool:
        self.lookups = 0
        chain = f"source{self._family.n}"
        while chain in self._chains:
            chain = next(filter(None, (self._follow(r, address) for r in self._chains[chain])))
        return {"allow": True, f"refuse{self._family.n}": False}[chain]

    def _follow(self, rule: str, address: int) -> str | None:
        found = _RULE.fullmatch(rule)
        if found is None:
            return rule.removeprefix("goto ")
        self.lookups += 1
        mask = networks.parse(found["mask"]).value if found["mask"] else -1
        key = networks.address(self._family.version, address & mask)
        verdict = self._blocks[found["block"]].elements.get(f"{key} . tcp . 80")
        if found["kind"] == "vmap ":
            return verdict.removeprefix("goto ") if verdict else None
        return found["chain"] if (verdict is None) is (found["kind"] == "!= ") else None


@settings(max_examples=200)
@given(cidrs=st.lists(CIDRS, min_size=1, max_size=40), probe=CIDRS, bit=st.integers(0, 127))
def test_an_address_is_found_where_a_network_has_it(cidrs: list[str], probe: str, bit: int) -> None:
    document = parsed(*cidrs)
    allowed = document.listeners[0].allowed_cidrs
    near = [n._replace(value=n.value ^ 1 << bit % networks.WIDTHS[n.version]) for n in allowed]
    for network in (*allowed, *near, networks.parse(probe)):
        if document.listeners[0].open(network.version):
            continue
        machine = Machine(document, FAMILIES[network.version])
        width = networks.WIDTHS[network.version]
        expected = any(
            n.version == network.version and (n.value ^ network.value) >> (width - n.bits) == 0
            for n in allowed
        )
        assert machine.allows(network.value) is expected


@pytest.mark.parametrize(
    ("lengths", "most"),
    [(1, 1), (2, 2), (sources.LINEAR + 1, 3), (4, 3), (8, 4), (16, 5), (24, 6)],
)
def test_the_search_needs_few_lookups(lengths: int, most: int) -> None:
    cidrs = [f"{10 + n}.0.0.0/{8 + n}" for n in range(lengths)]
    machine = Machine(parsed(*cidrs), IPV4)
    counts = []
    for cidr in (*cidrs, "192.0.2.1"):
        machine.allows(networks.parse(cidr).value)
        counts.append(machine.lookups)
    assert max(counts) == most
    assert counts[-1] == 1


def test_the_length_of_most_networks_is_tried_first() -> None:
    document = parsed("10.0.0.0/8", "11.0.1.0/24", "11.0.3.0/24", "11.0.5.1/32")
    assert sources.lengths(document, IPV4) == [24, 8, 32]
    assert sources.lengths(document, IPV6) == []
    assert sources.lookup(document, IPV4).chains == {
        "source4": (
            "ip saddr & 255.0.0.0 . meta l4proto . th dport vmap @near4_8_256",
            "goto refuse4",
        ),
        "step4_0": (
            "ip saddr & 255.255.255.0 . meta l4proto . th dport @source4_24 goto allow",
            "ip saddr . meta l4proto . th dport @source4_32 goto allow",
            "goto refuse4",
        ),
    }


def test_listeners_open_to_all_have_no_elements() -> None:
    document = schema.parse(
        body(
            listeners=[
                listener(allowed_cidrs=["0.0.0.0/0", "2001:db8::/32"]),
                listener(id="b", port=81, allowed_cidrs=["10.0.0.0/8"]),
            ]
        )
    )
    found = [b for family in (IPV4, IPV6) for b in sources.lookup(document, family).blocks]
    assert {b.name: list(b.elements) for b in found} == {
        "source4_8": ["10.0.0.0 . tcp . 81"],
        "source6_32": ["2001:db8:: . tcp . 80"],
    }
