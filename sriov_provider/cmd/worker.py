"""``sriov-provider worker``: a stand-alone worker, beside those in the driver-agents."""

from __future__ import annotations

import argparse
import signal
import threading

from cliff.command import Command

from sriov_provider.worker import footprint


class Worker(Command):  # type: ignore[misc]
    """Run a worker until SIGTERM or SIGINT; the jobs at hand are finished first."""

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        footprint.without_greendns()
        # Imports half of OpenStack: the other commands do without.
        from sriov_provider.worker import service

        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: stop.set())
        service.run(self.app.config_files, stop)
