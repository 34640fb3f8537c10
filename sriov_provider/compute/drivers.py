"""Which compute driver the settings ask for."""

from __future__ import annotations

import importlib
from typing import Any, cast

from sriov_provider.cloud import Cloud
from sriov_provider.compute.base import Compute
from sriov_provider.compute.fleet import Fleet, NovaFleet

NOVA = "nova"
# Loaded when they are asked for: none needs what another one does.
DRIVERS = {
    NOVA: "sriov_provider.compute.nova",
    "local": "sriov_provider.compute.local.driver",
    "zun": "sriov_provider.compute.zun.driver",
}


def build(conf: Any, cloud: Cloud) -> Compute:
    """The driver of ``[sriov_provider] compute_driver``; connects to nothing.

    Each driver's module has ``from_conf(conf, cloud)``.

    :param conf: from :func:`sriov_provider.config.parse`
    """
    module = importlib.import_module(DRIVERS[conf.sriov_provider.compute_driver])
    return cast(Compute, module.from_conf(conf, cloud))


def fleet(conf: Any, cloud: Cloud) -> Fleet | None:
    """All servers at once, of the driver that has such a list."""
    return NovaFleet(cloud) if conf.sriov_provider.compute_driver == NOVA else None
