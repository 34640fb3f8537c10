"""Many frames with one system call.

A wire's two ends being on one machine, a frame that is sent runs through the receiver's stack
before the next one is looked at: the call takes what sending and receiving take.
"""

from __future__ import annotations

import ctypes
import os
import socket
import time
from collections.abc import Sequence

# Long enough that the call itself is nothing, short enough to be rarely interrupted.
BURST = 256
_SOL_PACKET, _PACKET_QDISC_BYPASS = 263, 20
_libc = ctypes.CDLL(None, use_errno=True)


class _Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class _Message(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("vectors", ctypes.POINTER(_Vector)),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    ]


class _Entry(ctypes.Structure):
    _fields_ = [("message", _Message), ("sent", ctypes.c_uint)]


class Burst:
    """``BURST`` frames, ready to be sent again and again.

    :param frames: fewer are repeated in turn
    """

    def __init__(self, frames: Sequence[bytes]) -> None:
        self._buffers = [ctypes.create_string_buffer(f, len(f)) for f in frames]
        self._vectors = (_Vector * BURST)()
        self._entries = (_Entry * BURST)()
        for n in range(BURST):
            buffer = self._buffers[n % len(self._buffers)]
            self._vectors[n].base = ctypes.addressof(buffer)
            self._vectors[n].length = len(buffer)
            message = self._entries[n].message
            message.vectors = ctypes.pointer(self._vectors[n])
            message.vector_count = 1

    def __len__(self) -> int:
        return sum(entry.message.vector_count for entry in self._entries)

    def send(self, wire: socket.socket) -> float:
        """Nanoseconds per frame that sending all took.

        :raises OSError: not all were sent
        """
        descriptor = wire.fileno()
        begin = time.perf_counter_ns()
        sent = _libc.sendmmsg(descriptor, self._entries, BURST, 0)
        taken = time.perf_counter_ns() - begin
        if sent != BURST:
            number = ctypes.get_errno()
            raise OSError(number, f"{sent} of {BURST} frames sent: {os.strerror(number)}")
        return taken / BURST


def tune(wire: socket.socket) -> None:
    """Spare the queueing of the sending interface."""
    wire.setsockopt(_SOL_PACKET, _PACKET_QDISC_BYPASS, 1)
