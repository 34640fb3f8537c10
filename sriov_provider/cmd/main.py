"""``sriov-provider``: the provider's own command."""

from __future__ import annotations

import argparse
import logging
import sys
import warnings
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from cliff.app import App
from cliff.commandmanager import CommandManager
from oslo_config import cfg

from sriov_provider import config
from sriov_provider.cmd import (
    amphora,
    capacity,
    check,
    database,
    explain,
    firewall,
    health,
    libnetwork,
    local,
    rolling,
    sweep,
    worker,
)

COMMANDS = {
    "amphora failover": rolling.Failover,
    "amphora list": amphora.List,
    "amphora show": amphora.Show,
    "capacity": capacity.Capacity,
    "capacity failovers": capacity.Failovers,
    "check": check.Check,
    "db upgrade": database.Upgrade,
    "db downgrade": database.Downgrade,
    "db current": database.Current,
    "drain": rolling.Drain,
    "explain": explain.Explain,
    "firewall show": firewall.Show,
    "health": health.Health,
    "libnetwork": libnetwork.Libnetwork,
    "local restore": local.Restore,
    "refresh": rolling.Refresh,
    "sweep": sweep.Sweep,
    "worker": worker.Worker,
}


class ProviderApp(App):  # type: ignore[misc]
    """Reads the configuration when a command asks for it."""

    def __init__(self) -> None:
        manager = CommandManager()
        for name, command in COMMANDS.items():
            manager.add_command(name, command)
        super().__init__(
            description="SR-IOV load balancers for OpenStack Octavia",
            version=metadata.version("octavia-sriov-provider"),
            command_manager=manager,
        )

    def build_option_parser(self, *args: Any, **kwargs: Any) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().build_option_parser(*args, **kwargs)
        parser.add_argument(
            "--config-file",
            action="append",
            default=[],
            metavar="PATH",
            help="Octavia's configuration file; may be given more than once "
            "(default: where Octavia's own services look).",
        )
        return parser

    def configure_logging(self) -> None:
        """cliff's, without what libraries tell about themselves rather than about our work."""
        super().configure_logging()
        warnings.filterwarnings("ignore", message="\\s*Eventlet is deprecated")
        if self.options.verbose_level <= self.DEFAULT_VERBOSE_LEVEL:
            logging.getLogger("oslo_service").setLevel(logging.WARNING)

    @property
    def config_files(self) -> tuple[str, ...]:
        """The files given, or those Octavia's services would read."""
        return tuple(self.options.config_file) or default_files()

    def conf(self) -> Any:
        """The parsed configuration."""
        return config.parse(self.config_files)


def default_files() -> tuple[str, ...]:
    """``octavia.conf`` and ``octavia.conf.d/*.conf`` in oslo.config's usual places."""
    files = cfg.find_config_files(project="octavia", prog="octavia")
    for directory in cfg.find_config_dirs(project="octavia", prog="octavia"):
        files.extend(str(path) for path in sorted(Path(directory).glob("*.conf")))
    return tuple(dict.fromkeys(files))


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    :param argv: without the program's name; by default the process's own
    :returns: the exit code
    """
    return int(ProviderApp().run(list(sys.argv[1:] if argv is None else argv)))


if __name__ == "__main__":
    sys.exit(main())
