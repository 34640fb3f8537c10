"""``sriov-provider libnetwork``: Neutron ports for the containers of an engine on this host."""

from __future__ import annotations

import argparse
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cliff.command import Command
from oslo_config import cfg

if TYPE_CHECKING:
    import flask

# Beside the port driver's own.
STATE = "libnetwork"


class Libnetwork(Command):  # type: ignore[misc]
    """Serve the remote driver protocol of container engines until SIGTERM or SIGINT."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        from sriov_provider.portdriver.libnetwork.server import DEFAULT_SOCKET

        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument(
            "--socket",
            metavar="PATH",
            default=DEFAULT_SOCKET,
            help=f"Where the engine finds the driver (default: {DEFAULT_SOCKET}).",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        from sriov_provider.portdriver.libnetwork import server

        files = self.app.config_files
        conf = self.app.conf()
        # os-vif's plugins read the settings of the process.
        cfg.CONF([], project="octavia", default_config_files=list(files), default_config_dirs=[])
        server.run(parsed_args.socket, lambda: make_app(conf))


def make_app(conf: Any) -> flask.Flask:
    """The application for this configuration.

    :param conf: from :func:`sriov_provider.config.parse`
    """
    from sriov_provider import config_port_driver
    from sriov_provider.cloud import NETWORK, Cloud
    from sriov_provider.portdriver.host import HostPorts
    from sriov_provider.portdriver.libnetwork import app
    from sriov_provider.portdriver.libnetwork.driver import RemoteDriver
    from sriov_provider.portdriver.libnetwork.neutron import Neutron
    from sriov_provider.portdriver.libnetwork.state import State
    from sriov_provider.rest import Rest

    settings = config_port_driver.port_driver(conf)
    state = State(Path(settings.state_path).parent / STATE)
    neutron = Neutron(Rest(Cloud(conf), NETWORK))
    driver = RemoteDriver(neutron, HostPorts(settings), state, socket.gethostname())
    driver.recover()
    return app.make(driver)
