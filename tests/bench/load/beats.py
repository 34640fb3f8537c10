"""Amphorae that are well: each says so to the worker once in ten seconds."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

import sqlalchemy as sa
from octavia.amphorae.backends.health_daemon import status_message

from sriov_provider.db import models
from sriov_provider.db.engine import Sessions
from tests.bench.load.octavia import Octavia

INTERVAL = 10.0


class Beats:
    """Sends for all amphorae on record, evenly over the interval, in a thread of its own.

    :ivar sent: how many
    """

    def __init__(self, sessions: Sessions, octavia: Octavia, port: int, key: str) -> None:
        self._sessions, self._octavia, self._key = sessions, octavia, key
        self._to = ("127.0.0.1", port)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self.sent = 0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _keep(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            number = 0
            while not self._stop.is_set():
                begun, number = time.monotonic(), number + 1
                self._round(out, number, begun)
                self._stop.wait(max(0.0, begun + INTERVAL - time.monotonic()))

    def _round(self, out: socket.socket, number: int, begun: float) -> None:
        amphorae = self._amphorae()
        for n, (amphora_id, load_balancer_id) in enumerate(amphorae):
            tree = self._octavia.trees.get(load_balancer_id)
            if tree:
                said = told(amphora_id, number, tree)
                out.sendto(status_message.wrap_envelope(said, self._key), self._to)
                self.sent += 1
            ahead = begun + INTERVAL * (n + 1) / len(amphorae) - time.monotonic()
            if ahead > 0.05 and self._stop.wait(ahead):
                return

    def _amphorae(self) -> list[tuple[str, str]]:
        query = sa.select(models.Amphora.id, models.Amphora.load_balancer_id)
        rows = self._sessions.read(lambda s: s.execute(query.where(_READY)).all())
        return [(row[0], row[1]) for row in rows]


_READY = models.Amphora.state == "ready"


def told(amphora_id: str, number: int, tree: dict[str, Any]) -> dict[str, Any]:
    """A heartbeat about everything in a tree; a bit of traffic on each listener."""
    stats = {"tx": 4000, "rx": 400, "conns": 1, "totconns": 3, "ereq": 0}
    listeners = {x["listener_id"]: {"status": "OPEN", "stats": stats} for x in tree["listeners"]}
    pools = {
        f"{pool['pool_id']}:{x['listener_id']}": {
            "status": "UP",
            "members": {m["member_id"]: "UP" for m in pool["members"]},
        }
        for x in tree["listeners"]
        for pool in tree["pools"]
    }
    return {"id": amphora_id, "seq": number, "ver": 3, "listeners": listeners, "pools": pools}
