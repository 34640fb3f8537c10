"""Who may connect to restricted listeners: one hash set for each prefix length. Pure.

An address is looked up with its last bits masked off. With more than one length, a first lookup
of the shortest one tells whether any network may be near: most refused clients cost no more. Then,
while a document has few lengths, they are tried one after the other. With more, a binary search
finds the length: maps hold, beside the networks of a length, the beginnings of longer ones, and say
where to go on. That is exact because the networks of one listener do not overlap.

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
LINEAR = 3


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
    return (_searched if len(known) > LINEAR else _tried)(document, family, known)


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


def _tried(document: model.Document, family: Family, known: Sequence[int]) -> Lookup:
    """One length after the other."""
    near, rules = _near(family, known)
    places = {bits: [*near, _Place(f"source{family.n}_{bits}", bits)] for bits in known}
    rules += [f"{_key(family, b)} @source{family.n}_{b} goto allow" for b in known]
    noted = _noted(document, family, places)
    blocks = tuple(_block("set", name, family, elements) for name, elements in noted.items())
    return Lookup(blocks, {f"source{family.n}": (*rules, f"goto refuse{family.n}")})


def _searched(document: model.Document, family: Family, known: Sequence[int]) -> Lookup:
    """The length that fits, by halves."""
    near, rules = _near(family, known)
    steps = search(sorted(known))
    noted = _noted(document, family, {b: [*near, *_path(family, steps, b)] for b in known})
    maps = {
        b: _sized(_block("map", _find(family, b), family, noted[_find(family, b)])) for b in steps
    }
    chains = {
        _step(family, bits): (
            f"{_key(family, bits)} vmap @{maps[bits].name}",
            f"goto {_step(family, step.shorter)}",
        )
        for bits, step in reversed(steps.items())
    }
    first = chains.pop(_step(family, next(iter(steps))))
    sets = [_block("set", place.block, family, noted[place.block]) for place in near]
    return Lookup((*sets, *maps.values()), {**chains, f"source{family.n}": (*rules, *first)})


def _near(family: Family, known: Sequence[int]) -> tuple[list[_Place], list[str]]:
    """Where all networks are noted, and the rule that lets only those go on."""
    if len(known) < 2:
        return [], []
    bits = min(known)
    place = _Place(f"near{family.n}_{bits}", bits)
    return [place], [f"{_key(family, bits)} != @{place.block} goto refuse{family.n}"]


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


def _block(kind: str, name: str, family: Family, elements: list[str]) -> Block:
    verdict = " : verdict" if kind == "map" else ""
    key = f"typeof {family.ip} saddr . meta l4proto . th dport{verdict};"
    return block(kind, name, key, elements)


def _sized(map_: Block) -> Block:
    """A map that outgrows its size is another one: packets under way still find the old one."""
    return dataclasses.replace(map_, name=f"{map_.name}_{map_.size}")


def _key(family: Family, bits: int) -> str:
    width = networks.WIDTHS[family.version]
    mask = networks.address(family.version, (1 << width) - (1 << (width - bits)))
    masked = "" if bits == width else f" & {mask}"
    return f"{family.ip} saddr{masked} . meta l4proto . th dport"


def _find(family: Family, bits: int) -> str:
    return f"find{family.n}_{bits}"


def _step(family: Family, bits: int | None) -> str:
    return f"refuse{family.n}" if bits is None else f"step{family.n}_{bits}"
