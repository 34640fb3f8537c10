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
from amphora_agent_ext.sets import IPV4, IPV6, family_sets, interface_sets, listen_set
from amphora_agent_ext.totals import COUNTERS, Count, Totals

TABLE = "amphora_sriov"
# Tables of the stock agent's own rules: a drop there would defeat what is accepted here.
STOCK_TABLE = "amphora_table"
# To be raised when the same document is rendered differently, so that an upgrade takes effect.
EDITION = 1
_IFNAME = re.compile(r"[A-Za-z0-9_.@-]{1,15}")


@dataclasses.dataclass(frozen=True)
class Mark:
    """Kept as the table's comment, so that the kernel itself tells what is in force.

    :ivar document: digest of the document, empty for the table of an amphora that has none
    :ivar text: changes when the rendered text would (interface names, edition of the renderer)
    """

    document: str
    text: str

    def __str__(self) -> str:
        return f"document={self.document} text={self.text}"

    @classmethod
    def find(cls, listing: str) -> Mark | None:
        """The mark in the listing of a table, None when it bears none."""
        found = re.search(r'comment "document=([0-9a-f]*) text=([0-9a-f]+)"', listing)
        return cls(*found.groups()) if found else None


def mark(document: model.Document | None, names: Mapping[str, str]) -> Mark:
    """What identifies the table :func:`table` makes of the same arguments."""
    known = model.digest(document) if document else ""
    basis = json.dumps([EDITION, known, sorted(names.items())])
    return Mark(known, hashlib.sha256(basis.encode()).hexdigest()[:32])


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
        f'  comment "{mark(document, names)}"',
        *(_counter(name, counts.named.get(name, Count())) for name in COUNTERS),
        *interface_sets(rules, names),
        listen_set(rules, counts.refused),
        *family_sets(rules, names, IPV4),
        *family_sets(rules, names, IPV6),
        *chains.all_chains(rules),
    ]
    return f"table inet {TABLE} {{\n" + "\n".join(parts) + "\n}\n"


def transaction(text: str) -> str:
    """Replaces the table whole, whether one is there or not, and removes the stock agent's."""
    gone = "".join(
        f"table inet {name} {{}}\ndelete table inet {name}\n" for name in (TABLE, STOCK_TABLE)
    )
    return gone + text


def _counter(name: str, count: Count) -> str:
    return f"  counter {name} {{ packets {count.packets} bytes {count.bytes} }}"
