"""``sriov-provider health``: a stand-alone health manager."""

from __future__ import annotations

import argparse
import signal
import threading

from cliff.command import Command


class Health(Command):  # type: ignore[misc]
    """Hear heartbeats of amphorae and have silent ones replaced, until SIGTERM or SIGINT."""

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        from sriov_provider.health import service

        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: stop.set())
        service.run(self.app.config_files, stop)
