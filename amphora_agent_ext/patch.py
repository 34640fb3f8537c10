"""From one table to another in one transaction that no packet notices. Pure.

Chains and maps stay and change their rules and elements, for all packets at one instant: a packet
that is on its way through the old rules ends there and finds the elements of maps there or here.
Plain sets that change much are made anew, and such a packet still finds the old ones.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping, Set

from amphora_agent_ext.render import without_stock
from amphora_agent_ext.ruleset import TABLE, Block, Ruleset, chain
from amphora_agent_ext.totals import COUNTED

# An element that comes or goes alone costs nft and the kernel so many times what one costs in a
# set that is made anew.
_ALONE = 2
_REFERENCE = re.compile(r"@(\w+)")


@dataclasses.dataclass(frozen=True)
class Patch:
    """:ivar text: the transaction
    :ivar sweep: another one, when the first has taken effect: takes away maps that are no longer
        used. Sooner it would take their elements from packets under way. Empty: nothing to do
    :ivar kept: block of ``totals.COUNTED`` -> keys of elements that count on
    """

    text: str
    sweep: str
    kept: Mapping[str, Set[str]]


@dataclasses.dataclass(frozen=True)
class _Elements:
    gone: list[str]
    new: list[str]


def patch(old: Ruleset, new: Ruleset) -> Patch:
    """What makes the table ``old`` the table ``new``.

    :param old: exactly what is in force
    """
    changes = {
        name: _elements(old.blocks[name], block)
        for name, block in new.blocks.items()
        if name in old.blocks and old.blocks[name].head == block.head
    }
    anew = {name for name in new.blocks if _anew(new.blocks[name], changes.get(name))}
    changed = [n for n, rules in new.chains.items() if _changed(old.chains.get(n), rules, anew)]
    later, gone = _swept(old, new), [name for name in old.chains if name not in new.chains]
    parts = [
        without_stock(),
        *(f"flush chain inet {TABLE} {n}\n" for n in [*changed, *gone] if n in old.chains),
        *_removed(old, new, anew),
        f"table inet {TABLE} {{\n",
        *(f"{new.blocks[name].text()}\n" for name in new.blocks if name in anew),
        *(f"{chain(name, new.chains[name])}\n" for name in changed),
        "}\n",
        # Elements may lead to new chains, and may have led to those that go.
        *_moved(new, {n: e for n, e in changes.items() if n not in anew}),
        *([] if later else _delete("chain", gone)),
    ]
    sweep = [*_delete("map", later), *_delete("chain", gone)] if later else []
    kept = {name: _kept(old, new, name) for name in COUNTED if name not in anew}
    return Patch("".join(parts), "".join(sweep), kept)


def _swept(old: Ruleset, new: Ruleset) -> list[str]:
    """Maps that go. They hold on to chains, which then go with them."""
    return [n for n, b in old.blocks.items() if b.kind == "map" and n not in new.blocks]


def _delete(kind: str, names: Iterable[str]) -> list[str]:
    return [f"delete {kind} inet {TABLE} {name}\n" for name in names]


def _elements(old: Block, new: Block) -> _Elements:
    before, after = old.elements, new.elements
    if before == after:
        return _Elements([], [])
    return _Elements(
        [key for key, verdict in before.items() if after.get(key) != verdict],
        [key for key, verdict in after.items() if before.get(key) != verdict],
    )


def _anew(block: Block, change: _Elements | None) -> bool:
    if change is None:
        return True
    # What counts shall count on; and a map that goes takes its elements from packets under way.
    if block.counted or block.kind == "map":
        return False
    return _ALONE * (len(change.gone) + len(change.new)) > len(block.elements)


def _changed(old: tuple[str, ...] | None, new: tuple[str, ...], anew: Set[str]) -> bool:
    return old != new or any(name in anew for rule in new for name in _REFERENCE.findall(rule))


def _removed(old: Ruleset, new: Ruleset, anew: Set[str]) -> Iterator[str]:
    for name, block in old.blocks.items():
        if name in anew or (name not in new.blocks and block.kind == "set"):
            yield f"delete {block.kind} inet {TABLE} {name}\n"


def _moved(new: Ruleset, changes: Mapping[str, _Elements]) -> Iterator[str]:
    for name, change in changes.items():
        if change.gone:
            yield f"delete element inet {TABLE} {name} {{ {', '.join(change.gone)} }}\n"
        if change.new:
            elements = ", ".join(new.blocks[name].written(change.new))
            yield f"add element inet {TABLE} {name} {{ {elements} }}\n"


def _kept(old: Ruleset, new: Ruleset, name: str) -> Set[str]:
    before, after = old.blocks[name].elements, new.blocks[name].elements
    return {key for key, verdict in before.items() if after.get(key) == verdict}
