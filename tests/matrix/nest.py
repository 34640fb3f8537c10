"""Workers that start in no time: a process that has imported everything and forks.

``python -m tests.matrix.nest SOCKET CONFIG_FILE...``: each line on its standard input starts a
worker, whose pid is printed. The workers end with the nest, which ends with its input.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading

from sriov_provider.worker import footprint

footprint.without_greendns()

from sriov_provider.worker import service  # noqa: E402
from tests.matrix import points  # noqa: E402


def work(config_files: tuple[str, ...]) -> None:
    """As the command ``sriov-provider worker`` does."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    service.run(config_files, stop)


def hatch(config_files: tuple[str, ...]) -> int:
    """The pid of a new worker."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        # Children of a process that ignores this signal would be lost to subprocess.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.close(0)
        os.open(os.devnull, os.O_RDONLY)
        os.dup2(2, 1)
        work(config_files)
        code = 0
    except BaseException:
        logging.exception("The worker ended")
    finally:
        logging.shutdown()
        os._exit(code)


def main(path: str, *config_files: str) -> None:
    """Until the input ends."""
    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stderr,
        format="%(asctime)s %(process)d %(threadName)s %(levelname)s %(name)s %(message)s",
    )
    points.install(path)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    print("ready", flush=True)
    pids = []
    for _ in sys.stdin:
        pids.append(hatch(config_files))
        print(pids[-1], flush=True)
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


if __name__ == "__main__":
    main(*sys.argv[1:])
