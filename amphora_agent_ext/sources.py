"""Who may connect to restricted listeners: one hash set for each prefix length. Pure.

An address is looked up with its last bits masked off. With more than one length, a first lookup
of the shortest one tells whether any network may be near: most refused clients cost no more. Then,
while a document has few lengths, they are tried one after the other. With more, a binary search
finds the length: a set of ways beside each set of networks holds the beginnings of longer networks,
and a hit says in which half to go on. That is exact because the networks of one listener do not
overlap.

Interval sets (pipapo) would need no lengths, but a lookup costs them more, taking an element out
costs a copy of all, and the kernel fills them some microseconds after the rules have changed.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from amphora_agent_ext import model, networks
from amphora_agent_ext.ruleset import Block, block
from amphora_agent_ext.sets import Family

# So many lookups cost less than the search, which asks two sets at each step.
LINEAR = 5


@dataclasses.dataclass(frozen=True)
class Step:
    """One step of the search.

    :ivar bits: the prefix length asked for
    :ivar longer: length to ask for next when a way leads there
    :ivar shorter: length to ask for next when none does
    """

    bits: int
    longer: int | None
    shorter: int | None


def search(lengths: Sequence[int]) -> dict[int, Step]:
    """The steps by their length, the first one first.

    :param lengths: ascending
    """
    if not lengths:
        return {}
    middle = len(lengths) // 2
    below, above = search(lengths[:middle]), search(lengths[middle + 1 :])
    step = Step(lengths[middle], next(iter(above), None), next(iter(below), None))
    return {step.bits: step, **above, **below}


def lengths(document: model.Document, family: Family) -> list[int]:
    """Prefix lengths of restricted listeners, that of the most networks first."""
    count: collections.Counter[int] = collections.Counter()
    for listener in document.listeners:
        if not listener.open(family.version):
            count.update(n.bits for n in listener.allowed_cidrs if n.version == family.version)
    return sorted(count, key=lambda bits: (-count[bits], bits))


def blocks(document: model.Document, family: Family) -> Iterator[Block]:
    """The sets of networks, and those of ways when there is a search."""
    known = lengths(document, family)
    steps = search(sorted(known)) if len(known) > LINEAR else {}
    near = {_near(family, known): min(known)} if len(known) > 1 else {}
    # Prefix length of a network -> sets that have its beginning, and how much of it.
    beginnings = {
        bits: [*near.items(), *((_way(family, at), at) for at in _path(steps, bits))]
        for bits in known
    }
    found: dict[str, list[str]] = {_source(family, bits): [] for bits in known}
    found |= {name: [] for pairs in beginnings.values() for name, _ in pairs}
    for listener in document.listeners:
        if not listener.open(family.version):
            _collect(found, listener, family, beginnings)
    for name in sorted(found):
        declaration = f"typeof {family.ip} saddr . meta l4proto . th dport;"
        yield block("set", name, declaration, found[name])


def _collect(
    found: Mapping[str, list[str]],
    listener: model.Listener,
    family: Family,
    beginnings: Mapping[int, Sequence[tuple[str, int]]],
) -> None:
    port = f" . {listener.protocol} . {listener.port}"
    version, width = family.version, networks.WIDTHS[family.version]
    for _, value, bits in (n for n in listener.allowed_cidrs if n.version == version):
        found[_source(family, bits)].append(networks.address(version, value) + port)
        for name, length in beginnings[bits]:
            unused = width - length
            beginning = value >> unused << unused
            found[name].append(networks.address(version, beginning) + port)


def _path(steps: Mapping[int, Step], bits: int) -> list[int]:
    """Lengths at which the search for ``bits`` turns to the longer ones."""
    turns, at = [], next(iter(steps), bits)
    while at != bits:
        step = steps[at]
        following = step.longer if bits > at else step.shorter
        assert following is not None
        if bits > at:
            turns.append(at)
        at = following
    return turns


def chains(document: model.Document, family: Family) -> dict[str, tuple[str, ...]]:
    """Chain ``source`` and those of the further steps: to ``allow`` or to ``refuse``."""
    known = lengths(document, family)
    near = []
    if len(known) > 1:
        near = [f"{_key(family, min(known))} != @{_near(family, known)} goto refuse{family.n}"]
    if len(known) <= LINEAR:
        tries = [f"{_key(family, bits)} @{_source(family, bits)} goto allow" for bits in known]
        return {f"source{family.n}": (*near, *tries, f"goto refuse{family.n}")}
    steps = search(sorted(known))
    found = {}
    first = next(iter(steps))
    for bits, step in reversed(steps.items()):
        found[_step(family, bits)] = tuple(_rules(family, step))
    return {**found, f"source{family.n}": (*near, *found.pop(_step(family, first)))}


def _rules(family: Family, step: Step) -> Iterator[str]:
    key = _key(family, step.bits)
    yield f"{key} @{_source(family, step.bits)} goto allow"
    if step.longer is not None:
        yield f"{key} @{_way(family, step.bits)} goto {_step(family, step.longer)}"
    yield f"goto {_step(family, step.shorter)}"


def _key(family: Family, bits: int) -> str:
    width = networks.WIDTHS[family.version]
    mask = networks.address(family.version, (1 << width) - (1 << (width - bits)))
    masked = "" if bits == width else f" & {mask}"
    return f"{family.ip} saddr{masked} . meta l4proto . th dport"


def _source(family: Family, bits: int) -> str:
    return f"source{family.n}_{bits}"


def _near(family: Family, known: Sequence[int]) -> str:
    return f"near{family.n}_{min(known)}"


def _way(family: Family, bits: int) -> str:
    return f"way{family.n}_{bits}"


def _step(family: Family, bits: int | None) -> str:
    return f"refuse{family.n}" if bits is None else f"step{family.n}_{bits}"
