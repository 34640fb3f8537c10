"""The envelope of a heartbeat, as Octavia's amphora agent makes it
(``octavia.amphorae.backends.health_daemon.status_message``): zlib-compressed JSON, then its
HMAC-SHA256 in 64 hexadecimal digits, or in 32 bytes from very old agents.

Written down here because Octavia's own module logs every packet it refuses, with the right HMAC.
"""

from __future__ import annotations

import binascii
import hmac
import zlib

from sriov_provider.health.refused import RefusedError, Why

_DIGEST = 32
# Of the JSON text. Only who has the key gets so far; thousands of members need some 100 KiB.
MAX_SIZE = 2 * 1024 * 1024


def unwrap(datagram: bytes, key: bytes) -> bytes:
    """The JSON text of a heartbeat.

    :raises RefusedError: SIGNATURE, OVERSIZED or MALFORMED
    """
    return _decompressed(_signed(datagram, key))


def _signed(datagram: bytes, key: bytes) -> bytes:
    payload, found = datagram[: -2 * _DIGEST], datagram[-2 * _DIGEST :]
    right = hmac.digest(key, payload, "sha256")
    if payload and hmac.compare_digest(found, binascii.hexlify(right)):
        return payload
    payload, found = datagram[:-_DIGEST], datagram[-_DIGEST:]
    right = hmac.digest(key, payload, "sha256")
    if payload and hmac.compare_digest(found, right):
        return payload
    raise RefusedError(Why.SIGNATURE)


def _decompressed(payload: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(payload, MAX_SIZE)
    except zlib.error:
        raise RefusedError(Why.MALFORMED) from None
    if unpacker.unconsumed_tail:
        raise RefusedError(Why.OVERSIZED)
    if not unpacker.eof:
        raise RefusedError(Why.MALFORMED)
    return text
