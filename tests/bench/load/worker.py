"""The worker that is measured: all of it is real but for the cloud and the agents.

    python -m tests.bench.load.worker CONFIG CONTROL RECORDS

Statements are counted as SQLAlchemy sends them, by the name of the thread.
"""

from __future__ import annotations

import collections
import logging
import multiprocessing.connection
import re
import sys
import threading
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from sriov_provider import config
from sriov_provider.amphora import client, octavia_config
from sriov_provider.worker import footprint, service
from sriov_provider.worker.run import Services
from tests.bench.load import records
from tests.bench.load.agents import Yes

KEY = b"bench"


class Statements:
    """How many there were, by the threads' kind."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: collections.Counter[str] = collections.Counter()
        event.listen(sa.Engine, "before_cursor_execute", self._count)

    def _count(self, *_: Any) -> None:
        name = re.split(r"[_\d]", threading.current_thread().name)[0]
        with self._lock:
            self._counts[name] += 1

    def counts(self) -> dict[str, int]:
        with self._lock:
            return dict(self._counts)


def control(address: str, worker: service.Worker, counted: Statements, stop: Any) -> None:
    """Does what the bench asks for: wake-ups come this way, not over a broker."""
    with (
        multiprocessing.connection.Listener(address, authkey=KEY) as listener,
        listener.accept() as bench,
    ):
        while not stop.is_set():
            what, value = bench.recv()
            if what == "wake":
                worker.wake(value)
            elif what == "counts":
                bench.send(counted.counts())
            else:
                stop.set()


def main(config_file: str, address: str, cloud: str) -> None:
    """Work until told to stop."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(threadName)s %(message)s")
    footprint.few_arenas()
    counted, stop = Statements(), threading.Event()
    octavia_config.init((config_file,))
    conf = config.parse((config_file,))
    settings = config.settings(conf)
    there = records.connect(cloud)
    amphorae = client.AgentClient(Yes(), octavia_config.Templates())
    builder = octavia_config.OctaviaAmphoraBuilder(settings.health.controllers)
    worker = service.Worker(conf, Services(there, there, amphorae, builder, settings))
    talk = (address, worker, counted, stop)
    threading.Thread(target=control, args=talk, name="control", daemon=True).start()
    worker.run(stop)


if __name__ == "__main__":
    main(*sys.argv[1:])
