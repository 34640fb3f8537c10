"""Serves one WSGI application with gunicorn: ``serve.py PORT MODULE [ARGUMENT...]``.

The arguments become the application's ``sys.argv``: Octavia's API takes its configuration file
from there and from nowhere else.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

from faults import Faults
from gunicorn.app.base import BaseApplication


class Server(BaseApplication):
    """One worker process with threads on the loopback interface."""

    def __init__(self, port: str, module: str, arguments: list[str]) -> None:
        self.port, self.module, self.arguments = port, module, arguments
        super().__init__()

    def load_config(self) -> None:
        options = {
            "bind": f"127.0.0.1:{self.port}",
            "workers": 1,
            "threads": 6,
            "timeout": 300,
            "keepalive": 0,
            "control_socket_disable": True,
            "accesslog": "-",
            "access_log_format": '%(t)s "%(r)s" %(s)s %(M)sms "%(a)s"',
        }
        for key, value in options.items():
            self.cfg.set(key, value)

    def load(self) -> object:
        sys.argv = [self.module, *self.arguments]
        application = importlib.import_module(self.module).application
        return Faults(application, Path(os.environ["DEMO_FAULTS"]))


if __name__ == "__main__":
    Server(sys.argv[1], sys.argv[2], sys.argv[3:]).run()
