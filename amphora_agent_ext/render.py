"""From a rule document to the text of one nftables table. Pure.

The number of rules does not depend on the number of listeners, CIDRs or members: those are
elements of maps and sets. Every decision falls at prerouting, priority raw, so a refused packet
never reaches routing and nothing here needs connection tracking.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping

from amphora_agent_ext import chains, model
from amphora_agent_ext.errors import FirewallError
from amphora_agent_ext.sets import (
    INTERVALS,
    IPV4,
    IPV6,
    Family,
    allowed,
    family_sets,
    interface_sets,
    listen_set,
)
from amphora_agent_ext.totals import COUNTERS, Count, Totals

TABLE = "amphora_sriov"
# Tables of the stock agent's own rules: a drop there would defeat what is accepted here.
STOCK_TABLE = "amphora_table"
# To be raised when the same document is rendered differently, so that an upgrade takes effect.
EDITION = 1
# Holds the mark. nft reads one set at a cost that does not grow with the others.
MARK_SET = "applied"
_MARK = re.compile(r'comment "edition=(\d+) document=([0-9a-f]*) text=([0-9a-f]+)"')
# So many steps through interval sets take the kernel some 100 ms.
_WALKS = 50_000
_SET = re.compile(r"^  (set|map) (\w+) ", re.MULTILINE)
_IFNAME = re.compile(r"[A-Za-z0-9_.@-]{1,15}")


@dataclasses.dataclass(frozen=True)
class Mark:
    """Kept as the comment of an empty set, so that the kernel itself tells what is in force.

    :ivar document: digest of the document, empty for the table of an amphora that has none
    :ivar text: changes when the rendered text would (interface names, edition of the renderer)
    :ivar edition: of the renderer; tables of one edition have the same sets and base chains
    """

    document: str
    text: str
    edition: int

    def __str__(self) -> str:
        # nft takes 128 characters.
        return f"edition={self.edition} document={self.document} text={self.text}"

    @classmethod
    def find(cls, listing: str) -> Mark | None:
        """The mark in the listing of its set or of the table, None when there is none."""
        found = _MARK.search(listing)
        return cls(found[2], found[3], int(found[1])) if found else None


def mark(document: model.Document | None, names: Mapping[str, str]) -> Mark:
    """What identifies the table :func:`table` makes of the same arguments."""
    known = model.digest(document) if document else ""
    basis = json.dumps([EDITION, known, sorted(names.items())])
    return Mark(known, hashlib.sha256(basis.encode()).hexdigest()[:32], EDITION)


def table(
    document: model.Document | None, names: Mapping[str, str], totals: Totals | None = None
) -> str:
    """The table as nft text.

    :param document: None for an amphora that was never given one: everything is dropped
    :param names: MAC address -> interface name, of those interfaces that have a name by now
    :param totals: what the counters start with
    """
    for name in names.values():
        if not _IFNAME.fullmatch(name):
            raise FirewallError("An interface name cannot be used in a rule", repr(name))
    rules = document or model.Document()
    counts = totals or Totals()
    parts = [
        f'  set {MARK_SET} {{ type mark; comment "{mark(document, names)}"; }}',
        *(_counter(name, counts.named.get(name, Count())) for name in COUNTERS),
        *interface_sets(rules, names),
        listen_set(rules, counts.refused),
        *family_sets(rules, names, IPV4),
        *family_sets(rules, names, IPV6),
        *chains.all_chains(rules),
    ]
    return f"table inet {TABLE} {{\n" + "\n".join(parts) + "\n}\n"


def transaction(text: str) -> str:
    """Replaces the table whole, whether one is there or not, and removes the stock agent's.

    For some microseconds the kernel drops what it should let through: the old base chain is empty
    before it is unhooked, and interval sets are filled last. :func:`refill` has no such moment.
    """
    return _without(TABLE) + _without(STOCK_TABLE) + text


def refill(text: str, before: model.Document, after: model.Document) -> str:
    """Gives a table of this edition new rules and elements at one instant.

    Chains, maps and interval sets stay: of those only elements come and go. The other sets are
    made anew; a packet on its way through the old rules still finds the old ones. Named counters
    count on.
    """
    gone = {name: _gone(family, before, after) for name, family in INTERVALS.items()}
    parts = [_without(STOCK_TABLE), f"flush table inet {TABLE}\n"]
    for kind, name in _SET.findall(text):
        elements = gone.get(name)
        if elements is None:
            parts.append(f"{'flush' if kind == 'map' else 'delete'} {kind} inet {TABLE} {name}\n")
        elif elements:
            parts.append(f"delete element inet {TABLE} {name} {{ {', '.join(elements)} }}\n")
    return "".join(parts) + text


def _gone(family: Family, before: model.Document, after: model.Document) -> list[str] | None:
    """Elements to take out of an interval set, None where making it anew is the lesser evil.

    Taking one out costs the kernel a walk over all. A set made anew is filled some microseconds
    after the rules change, so that a few packets of restricted listeners are dropped.
    """
    old = set(allowed(before, family))
    gone = old - set(allowed(after, family))
    return sorted(gone) if len(gone) * len(old) <= _WALKS else None


def _without(name: str) -> str:
    return f"table inet {name} {{}}\ndelete table inet {name}\n"


def _counter(name: str, count: Count) -> str:
    return f"  counter {name} {{ packets {count.packets} bytes {count.bytes} }}"
