"""``sriov-provider local``: the amphorae of this host, where the compute driver is ``local``."""

from __future__ import annotations

import argparse

from cliff.command import Command
from oslo_config import cfg

from sriov_provider import cloud
from sriov_provider.compute import drivers
from sriov_provider.errors import Code, ProviderError

LOCAL = "local"


class Restore(Command):  # type: ignore[misc]
    """Bring the amphorae of this host back, as after a reboot: their ports, their rules and then
    their interfaces. What runs is left alone."""

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        conf = self.app.conf()
        driver = conf.sriov_provider.compute_driver
        if driver != LOCAL:
            raise ProviderError(
                Code.CONFIGURATION,
                "",
                f"[sriov_provider] compute_driver is {driver}: no amphora is on this host.",
            )
        # os-vif's plugins read the settings of the process.
        files = list(self.app.config_files)
        cfg.CONF([], project="octavia", default_config_files=files, default_config_dirs=[])
        drivers.build(conf, cloud.Cloud(conf, part="local")).start()
