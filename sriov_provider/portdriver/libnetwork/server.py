"""Serves the application on a unix socket."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import flask
from gunicorn.app.base import BaseApplication

# Where container engines look for plugins; the name of the file is the name of the driver.
DEFAULT_SOCKET = "/run/docker/plugins/sriov.sock"
# Seconds: a plug may wait for a switch and for Neutron.
_TIMEOUT = 300


class Server(BaseApplication):  # type: ignore[misc]
    """One process beside the one that watches it; one call at a time. Until SIGTERM or SIGINT."""

    def __init__(self, path: str, make: Callable[[], flask.Flask]) -> None:
        """:param make: called in the process that serves"""
        self._path = path
        self._make = make
        super().__init__()

    def load_config(self) -> None:
        # Whoever may connect may plug any port of Neutron's: root alone.
        options: dict[str, Any] = {
            "bind": f"unix:{self._path}",
            "umask": 0o177,
            "workers": 1,
            "timeout": _TIMEOUT,
            "control_socket_disable": True,
            "accesslog": None,
        }
        for name, value in options.items():
            if name in self.cfg.settings:  # the control socket is not in every release
                self.cfg.set(name, value)

    def load(self) -> flask.Flask:
        return self._make()


def run(path: str, make: Callable[[], flask.Flask]) -> None:
    """Serve until told to end; the socket is gone then."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Server(path, make).run()
