"""From a rule document to one nftables table. Pure.

The number of rules does not depend on the number of listeners, CIDRs or members: those are
elements of maps and sets. Every decision falls at prerouting, priority raw, so a refused packet
never reaches routing and nothing here needs connection tracking.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping

from amphora_agent_ext import chains, model, sources
from amphora_agent_ext.errors import FirewallError
from amphora_agent_ext.ruleset import TABLE, Block, Ruleset, chain
from amphora_agent_ext.sets import (
    CONSTANTS,
    IPV4,
    IPV6,
    family_blocks,
    interface_blocks,
    listener_blocks,
)
from amphora_agent_ext.totals import COUNTERS

__all__ = ["EDITION", "TABLE", "ruleset", "table", "transaction"]

# Tables of the stock agent's own rules: a drop there would defeat what is accepted here.
STOCK_TABLE = "amphora_table"
# To be raised when the same document is rendered differently, so that an upgrade takes effect.
EDITION = 2
_IFNAME = re.compile(r"[A-Za-z0-9_.@-]{1,15}")


def ruleset(document: model.Document | None, names: Mapping[str, str]) -> Ruleset:
    """The table as values.

    :param document: None for an amphora that was never given one: everything is dropped
    :param names: MAC address -> interface name, of those interfaces that have a name by now
    :raises FirewallError: a name means something to nft
    """
    for name in names.values():
        if not _IFNAME.fullmatch(name):
            raise FirewallError("An interface name cannot be used in a rule", repr(name))
    rules = document or model.Document()
    lookups = [sources.lookup(rules, family) for family in (IPV4, IPV6)]
    found = [*_blocks(rules, names), *(block for lookup in lookups for block in lookup.blocks)]
    known = chains.all_chains(rules)
    for lookup in lookups:
        known |= lookup.chains
    return Ruleset({block.name: block for block in found}, known)


def table(document: model.Document | None, names: Mapping[str, str]) -> str:
    """The table as nft text; arguments as for :func:`ruleset`."""
    return text(ruleset(document, names))


def text(rules: Ruleset) -> str:
    """A whole table as nft text."""
    parts = [
        *(f"counter {name} {{ }}" for name in COUNTERS),
        *(block.text() for block in rules.blocks.values()),
        *itertools.starmap(chain, rules.chains.items()),
    ]
    return f"table inet {TABLE} {{\n" + "\n".join(parts) + "\n}\n"


def transaction(text: str) -> str:
    """Replaces the table whole, whether one is there or not, and removes the stock agent's.

    For some microseconds the kernel drops what it should let through: the old base chain is empty
    before it is unhooked. :mod:`~amphora_agent_ext.patch` has no such moment.
    """
    return _without(TABLE) + without_stock() + text


def without_stock() -> str:
    """Removes the stock agent's table if it is there."""
    return _without(STOCK_TABLE)


def _blocks(document: model.Document, names: Mapping[str, str]) -> Iterator[Block]:
    yield from CONSTANTS
    yield from interface_blocks(document, names)
    yield from listener_blocks(document)
    for family in (IPV4, IPV6):
        yield from family_blocks(document, names, family)


def _without(name: str) -> str:
    return f"table inet {name} {{}}\ndelete table inet {name}\n"
