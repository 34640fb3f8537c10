"""Who may connect to restricted listeners: one hash set for each prefix length. Pure.

An address is looked up with its last bits masked off. The first lookup is one of the shortest
length: it finds a network of that length, or the beginning of longer ones, or ends the search, as
for most refused clients. Of longer lengths a few are tried one after the other; with more, a binary
search finds the one that fits: maps hold, beside the networks of a length, the beginnings of longer
ones, and say where to go on. That is exact because the networks of one listener do not overlap.

Interval sets (pipapo) would need no lengths, but a lookup costs them more, taking an element out
costs a copy of all, and the kernel fills them some microseconds after the rules have changed.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Mapping, Sequence

from amphora_agent_ext import model, networks
from amphora_agent_ext.ruleset import Block, block
from amphora_agent_ext.sets import Family

# So many lookups, tried in turn, cost a client no more than the search does.
LINEAR = 2


@dataclasses.dataclass(frozen=True)
class Lookup:
    """:ivar chains: name -> rules; from ``source`` they lead to ``allow`` or to ``refuse``"""

    blocks: tuple[Block, ...]
    chains: dict[str, tuple[str, ...]]


@dataclasses.dataclass(frozen=True)
class Step:
    """One step of the search.

    :ivar bits: the prefix length asked for
    :ivar longer: length to ask for next when a longer network begins so
    :ivar shorter: length to ask for next when nothing is found
    """

    bits: int
    longer: int | None
    shorter: int | None


@dataclasses.dataclass(frozen=True)
class _Place:
    """Where a network is noted: in this block, so many bits of it."""

    block: str
    bits: int
    verdict: str = ""


def lookup(document: model.Document, family: Family) -> Lookup:
    """How the clients of restricted listeners are found."""
    known = lengths(document, family)
    longer = [bits for bits in known if bits != min(known)] if len(known) > 1 else []
    tried = longer if len(longer) <= LINEAR else []
    if len(known) == 1:
        tried = known
    steps = search(sorted(longer)) if longer and not tried else {}
    places = {bits: [_Place(_source(family, bits), bits)] for bits in tried}
    places |= {bits: _path(family, steps, bits) for bits in steps}
    if longer:
        _begin(family, places, min(known), _step(family, next(iter(steps), 0)))
    blocks = {
        name: _block(name, family, elements)
        for name, elements in _noted(document, family, places).items()
    }
    chains: dict[str, tuple[str, ...]] = {
        _step(family, bits): _asked(family, bits, blocks[_find(family, bits)], step.shorter)
        for bits, step in reversed(steps.items())
    }
    tries = tuple(f"{_key(family, b)} @{_source(family, b)} goto allow" for b in tried)
    last = (*tries, f"goto {_step(family, None)}")
    if longer:
        if tried:
            chains[_step(family, 0)] = last
        first = min(known)
        last = _asked(family, first, blocks[_near(family, first)], None)
    return Lookup(tuple(blocks.values()), {**chains, f"source{family.n}": last})


def lengths(document: model.Document, family: Family) -> list[int]:
    """Prefix lengths of restricted listeners, that of the most networks first."""
    count: collections.Counter[int] = collections.Counter()
    for listener in document.listeners:
        if not listener.open(family.version):
            count.update(n.bits for n in listener.allowed_cidrs if n.version == family.version)
    return sorted(count, key=lambda bits: (-count[bits], bits))


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


def _begin(family: Family, places: dict[int, list[_Place]], shortest: int, following: str) -> None:
    """Note all networks where the first lookup finds them."""
    name = _near(family, shortest)
    for some in places.values():
        some.append(_Place(name, shortest, f" : goto {following}"))
    places[shortest] = [_Place(name, shortest, " : goto allow")]


def _asked(family: Family, bits: int, block: Block, shorter: int | None) -> tuple[str, ...]:
    """A lookup in a map, and where to go on when it finds nothing."""
    return f"{_key(family, bits)} vmap @{block.name}", f"goto {_step(family, shorter)}"


def _path(family: Family, steps: Mapping[int, Step], bits: int) -> list[_Place]:
    """Where a network of this length is noted so that the search finds it."""
    places = [_Place(_find(family, bits), bits, " : goto allow")]
    at = next(iter(steps))
    while at != bits:
        step = steps[at]
        if bits > at:
            places.append(_Place(_find(family, at), at, f" : goto {_step(family, step.longer)}"))
        following = step.longer if bits > at else step.shorter
        assert following is not None
        at = following
    return places


def _noted(
    document: model.Document, family: Family, places: Mapping[int, Sequence[_Place]]
) -> dict[str, list[str]]:
    """Elements by block.

    :param places: by prefix length of a network
    """
    version, width = family.version, networks.WIDTHS[family.version]
    found: dict[str, list[str]] = {p.block: [] for some in places.values() for p in some}
    for listener in document.listeners:
        if listener.open(version):
            continue
        port = f" . {listener.protocol} . {listener.port}"
        for _, value, bits in (n for n in listener.allowed_cidrs if n.version == version):
            for place in places[bits]:
                unused = width - place.bits
                begin = networks.address(version, value >> unused << unused)
                found[place.block].append(begin + port + place.verdict)
    return found


def _block(name: str, family: Family, elements: list[str]) -> Block:
    key = f"typeof {family.ip} saddr . meta l4proto . th dport"
    if name.startswith("source"):
        return block("set", name, f"{key};", elements)
    found = block("map", name, f"{key} : verdict;", elements)
    # One that outgrows its size is another one: packets under way still find the old one.
    return dataclasses.replace(found, name=f"{name}_{found.size}")


def _key(family: Family, bits: int) -> str:
    width = networks.WIDTHS[family.version]
    mask = networks.address(family.version, (1 << width) - (1 << (width - bits)))
    masked = "" if bits == width else f" & {mask}"
    return f"{family.ip} saddr{masked} . meta l4proto . th dport"


def _source(family: Family, bits: int) -> str:
    return f"source{family.n}_{bits}"


def _near(family: Family, bits: int) -> str:
    return f"near{family.n}_{bits}"


def _find(family: Family, bits: int) -> str:
    return f"find{family.n}_{bits}"


def _step(family: Family, bits: int | None) -> str:
    """Name of a chain: of a step, of those lengths that are tried (0), or for nobody (None)."""
    return f"refuse{family.n}" if bits is None else f"step{family.n}_{bits}"
