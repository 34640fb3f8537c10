"""Bodies that are nearly rule documents, many from one document. Pure.

Drawn by :mod:`random` and not by hypothesis: that takes ten times as long as the agent's answer.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

TEXTS = [
    *("", " ", "\n", "\0", "\ud800", "é", "x" * 65, "10.0.0.1", "10.0.0.1\n", "10.0.0.0/33"),
    *("0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "::", "::1", "ff02::1"),
    *("fe80::1%eth1", "::ffff:10.0.0.1", "0/0", "::/0", "010.0.0.1", "10.0.0.1/255.0.0.0"),
    *("tcp", "icmp", "fa:16:3e:00:00:00\n", "fa:16:3e:00:00:0g", "amphora", "neutron"),
    *('" }; flush ruleset; #', "@own4", "$x", "10.0.0.1-10.0.0.9", "{ 10.0.0.1 }", "../../x"),
    *("version", "interfaces", "listeners", "members", "peers", "peer_port", "echo", "ping"),
]
NUMBERS = [
    *(0, 1, 2, 80, 1025, 65535, 65536, -1, 2**31, 2**64, 10**30),
    *(80.0, 80.5, -0.0, 1e308, float("inf"), float("-inf"), float("nan")),
]
_ENCODINGS = ["utf-8-sig", "utf-16", "utf-16-le", "utf-32", "utf-7", "latin-1", "cp037"]
# What closes an opening bracket; nothing closes the rest.
_CLOSING = {ord("["): "]", ord("{"): "}", **dict.fromkeys(map(ord, '":interfacs'))}


def changed(chance: random.Random, document: dict[str, Any]) -> bytes:
    """The document with one to four changes somewhere inside."""
    body = copy.deepcopy(document)
    for _ in range(chance.randint(1, 4)):
        if not body:
            break
        _change(chance, *chance.choice(list(_places(body))))
    return json.dumps(body).encode()


def spoiled(chance: random.Random, document: dict[str, Any]) -> bytes:
    """Bytes that are no JSON, or not quite, or too deep, or in another encoding."""
    text = json.dumps(document)
    match chance.randrange(5):
        case 0:
            return chance.randbytes(chance.randrange(400))
        case 1:
            start = chance.randrange(len(text))
            end = start + chance.randrange(20)
            new = chance.randbytes(chance.randrange(8))
            return text[:start].encode() + new + text[end:].encode()
        case 2:
            depth = chance.choice([900, 5000, 50_000, chance.randint(1, 1100)])
            opened = chance.choice(["[", '{"":', '{"interfaces":[', '[{"":']) * depth
            closed = opened + "0" + opened[::-1].translate(_CLOSING)
            return chance.choice([opened, closed]).encode()
        case 3:
            return text.replace("1", "1" * chance.randint(1, 6000), 1).encode()
        case _:
            return text.encode(chance.choice(_ENCODINGS))


def value(chance: random.Random, depth: int = 3) -> Any:
    """Any JSON, the sort that hurts."""
    match chance.randrange(7 if depth else 5):
        case 0 | 1:
            return chance.choice(TEXTS)
        case 2:
            return chance.choice(NUMBERS)
        case 3:
            return chance.choice([None, True, False, [], {}])
        case 4:
            return "".join(chr(chance.randrange(0x11000)) for _ in range(chance.randrange(80)))
        case 5:
            return [value(chance, depth - 1) for _ in range(chance.randrange(4))]
        case _:
            keys = (chance.choice(TEXTS) for _ in range(chance.randrange(4)))
            return {key: value(chance, depth - 1) for key in keys}


def _change(chance: random.Random, holder: Any, key: Any) -> None:
    match chance.randrange(6):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, list):
            holder.insert(0, copy.deepcopy(holder[key]))
        case 2 if isinstance(holder, dict):
            holder[chance.choice(TEXTS)] = value(chance)
        case _:
            holder[key] = value(chance)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """(container, key or index) of everything inside."""
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _places(value[key])
