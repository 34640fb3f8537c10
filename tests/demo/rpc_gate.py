"""Waits until somebody consumes an RPC queue.

A call sent before its server has come up is lost, and its caller sits out the whole timeout.
"""

from __future__ import annotations

import time

from amqp import Connection
from amqp.exceptions import AMQPError

from tests.demo.settings import IP, PASSWORD, PORTS


def consumers(queue: str) -> int:
    """How many consumers a queue has; 0 too when queue or broker are not there."""
    try:
        with Connection(
            f"{IP}:{PORTS['rabbitmq']}", userid="demo", password=PASSWORD, connect_timeout=5
        ) as connection:
            return int(connection.channel().queue_declare(queue, passive=True).consumer_count)
    except (AMQPError, OSError):
        return 0


def wait(queue: str, seconds: float = 90.0) -> None:
    """Returns when the queue has a consumer; SystemExit when it gets none in time."""
    end = time.monotonic() + seconds
    while not consumers(queue):
        if time.monotonic() > end:
            raise SystemExit(f"nobody consumes the RPC queue {queue}")
        time.sleep(0.3)
