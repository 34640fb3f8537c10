"""Attributes of netlink messages."""

from __future__ import annotations

import os
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amphora_agent_ext import netlink
from amphora_agent_ext.errors import FirewallError

PAIRS = st.lists(st.tuples(st.integers(0, 100), st.binary(max_size=20)), max_size=8)


@given(pairs=PAIRS)
def test_attributes_are_taken_apart_as_they_were_put_together(
    pairs: list[tuple[int, bytes]],
) -> None:
    data = b"".join(netlink.attribute(kind, content) for kind, content in pairs)
    assert len(data) % 4 == 0
    assert list(netlink.split(data)) == pairs
    assert netlink.attributes(data) == dict(pairs)
    assert netlink.contents(data) == [content for _, content in pairs]


@given(contents=st.lists(st.binary(min_size=16, max_size=16), max_size=50), kind=st.integers(0, 9))
def test_elements_that_are_alike(contents: list[bytes], kind: int) -> None:
    data = b"".join(netlink.attribute(kind, content) for content in contents)
    assert netlink.contents(data) == contents


def test_flags_are_no_part_of_the_kind() -> None:
    assert list(netlink.split(netlink.attribute(0x8003, b"abcd"))) == [(3, b"abcd")]


def test_a_name_ends_with_a_zero() -> None:
    assert netlink.text(b"port4\0") == "port4"


class Kernel:
    """Answers with these messages, whatever is asked."""

    def __init__(self, *messages: bytes) -> None:
        self._messages = list(messages)

    def send(self, data: bytes) -> int:
        return len(data)

    def recv(self, size: int) -> bytes:
        return self._messages.pop(0)


def message(kind: int, body: bytes, flags: int = 2) -> bytes:
    data = struct.pack("=IHHII", 16 + len(body), kind, flags, 1, 0) + body
    return data + bytes(-len(data) % 4)


ITEM = message(0x0A0C, bytes(4) + netlink.attribute(1, b"x"))
DONE = message(3, bytes(4))


def dump(*messages: bytes) -> list[bytes]:
    return netlink.dump(Kernel(*messages), netlink.GET_ELEMENTS, "t", "s")  # type: ignore[arg-type]


def test_a_dump_of_several_messages() -> None:
    attribute = netlink.attribute(1, b"x")
    assert dump(ITEM + ITEM, ITEM, DONE) == [attribute] * 3


def test_a_dump_that_somebody_changed_meanwhile() -> None:
    with pytest.raises(netlink.Interrupted):
        dump(ITEM, message(3, bytes(4), flags=0x12))


def test_what_the_kernel_says_is_told() -> None:
    with pytest.raises(FirewallError, match=os.strerror(1)):
        dump(message(2, struct.pack("=i", -1)))
