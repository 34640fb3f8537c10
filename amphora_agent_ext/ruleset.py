"""The table as values: sets, maps and chains, and the nft text of them. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

TABLE = "amphora_sriov"
# Maps are made anew when they outgrow their size, which a packet under way may notice: seldom.
_SMALLEST = {"set": 64, "map": 256}


@dataclasses.dataclass(frozen=True)
class Block:
    """A set or map.

    :ivar declaration: its type and what else never changes
    :ivar elements: key -> verdict, empty in a set
    :ivar size: a power of two with room for the elements; fixes the number of hash buckets, and
        a set of unknown size is slower to fill and to search. 0: not told
    :ivar counted: elements count packets
    """

    kind: str
    name: str
    declaration: str
    elements: Mapping[str, str]
    size: int
    counted: bool = False

    @property
    def head(self) -> str:
        """What cannot be changed while it exists."""
        size = f" size {self.size};" if self.size else ""
        counter = " counter;" if self.counted else ""
        return f"{self.kind} {self.name} {{ {self.declaration}{size}{counter}"

    def text(self) -> str:
        inside = ",\n".join(self.written(self.elements))
        return f"{self.head} elements = {{\n{inside} }}; }}" if inside else f"{self.head} }}"

    def written(self, keys: Iterable[str]) -> list[str]:
        """Elements as nft takes them."""
        if self.kind == "set":
            return list(keys)
        return [f"{key} : {self.elements[key]}" for key in keys]


@dataclasses.dataclass(frozen=True)
class Ruleset:
    """:ivar blocks: by name
    :ivar chains: name -> rules; the first line of a base chain is its hook
    """

    blocks: Mapping[str, Block]
    chains: Mapping[str, tuple[str, ...]]


def chain(name: str, rules: Iterable[str]) -> str:
    """A chain as nft text."""
    return f"chain {name} {{\n" + "\n".join(rules) + "\n}"


def block(
    kind: str, name: str, declaration: str, elements: Iterable[str], *, counted: bool = False
) -> Block:
    """A set or map whose size depends on the document.

    :param elements: keys, of a map ``key : verdict``
    """
    if kind == "set":
        known = dict.fromkeys(elements, "")
    else:
        known = {key: verdict for key, _, verdict in (e.partition(" : ") for e in elements)}
    return Block(kind, name, declaration, known, _size(kind, len(known)), counted)


def constant(name: str, declaration: str, *elements: str) -> Block:
    """A set that is the same for all documents. Sets without a name would get numbers for one."""
    return Block("set", name, declaration, dict.fromkeys(elements, ""), 0)


def _size(kind: str, count: int) -> int:
    return max(_SMALLEST[kind], 1 << (count - 1).bit_length() if count else 0)
