"""Our worker where servers are records only: nobody answers as an amphora, so a stand-in does.

Everything else is real: the queue, the plan, the flow, the certificates, each call to the cloud.
"""

from __future__ import annotations

import dataclasses
import logging
import signal
import sys
import threading

from sriov_provider import config
from sriov_provider.amphora import octavia_config
from sriov_provider.worker import service
from tests.fakes.amphora import FakeAmphora


def main(config_files: tuple[str, ...]) -> None:
    """Work until SIGTERM."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(threadName)s %(name)s %(message)s"
    )
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    octavia_config.init(config_files)
    conf = config.parse(config_files)
    real = service.services(conf, config.settings(conf))
    service.Worker(conf, dataclasses.replace(real, amphora=FakeAmphora())).run(stop)


if __name__ == "__main__":
    main(tuple(sys.argv[1:]))
