"""Octavia's own module is the reference."""

from __future__ import annotations

import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from octavia.amphorae.backends.health_daemon import status_message
from oslo_serialization import jsonutils

from sriov_provider.health import envelope
from sriov_provider.health.refused import RefusedError, Why

KEYS = st.text(min_size=1, alphabet=st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(), below, max_size=4),
)


def why(datagram: bytes, key: bytes = b"key") -> Why:
    with pytest.raises(RefusedError) as refused:
        envelope.unwrap(datagram, key)
    return refused.value.why


@given(VALUES, KEYS, st.booleans())
def test_what_octavia_wraps_is_unwrapped(said: Any, key: str, hexadecimal: bool) -> None:
    datagram = status_message.wrap_envelope(said, key, hex=hexadecimal)
    assert jsonutils.loads(envelope.unwrap(datagram, key.encode())) == said
    assert status_message.unwrap_envelope(datagram, key) == said


@given(VALUES, st.data())
def test_a_bit_that_flipped_is_noticed(said: Any, data: st.DataObject) -> None:
    datagram = bytearray(status_message.wrap_envelope(said, "key"))
    at = data.draw(st.integers(0, len(datagram) - 1))
    datagram[at] ^= 1 << data.draw(st.integers(0, 7))
    assert why(bytes(datagram)) is Why.SIGNATURE


@given(st.binary(max_size=200))
def test_noise_is_refused(noise: bytes) -> None:
    assert why(noise) is Why.SIGNATURE


def test_another_key_is_refused() -> None:
    assert why(status_message.wrap_envelope({}, "other")) is Why.SIGNATURE


def signed(payload: bytes) -> bytes:
    return payload + status_message.get_hmac(payload, "key")


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"not compressed", Why.MALFORMED),
        (zlib.compress(b"{}" * 100)[:-6], Why.MALFORMED),
        (zlib.compress(b"0" * (envelope.MAX_SIZE + 1)), Why.OVERSIZED),
        (zlib.compress(b"0" * (100 * envelope.MAX_SIZE)), Why.OVERSIZED),
    ],
    ids=["plain", "cut off", "a byte too big", "bomb"],
)
def test_a_payload_that_is_none_is_refused(payload: bytes, expected: Why) -> None:
    assert why(signed(payload)) is expected


def test_the_biggest_payload_is_taken() -> None:
    text = b"0" * envelope.MAX_SIZE
    assert envelope.unwrap(signed(zlib.compress(text)), b"key") == text
