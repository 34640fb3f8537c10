"""Which compute driver there is, and the sections of those that have one; part of
:mod:`sriov_provider.config`."""

from __future__ import annotations

from typing import Any

from oslo_config import cfg

from sriov_provider import config_local, config_zun

OPTS = (
    cfg.StrOpt(
        "compute_driver",
        default="nova",
        choices=[
            ("nova", "virtual machines of Nova"),
            ("local", "namespaces on the worker's own host, without Nova and Glance"),
            ("zun", "containers of Zun"),
        ],
        help="What amphorae are.",
    ),
)
SECTIONS: tuple[Any, ...] = (config_local, config_zun)
# Zun asks for VFs when it makes a container, never later.
_FIXED = frozenset({"zun"})


def hotplugs(conf: Any, group: str) -> bool:
    """Whether running amphorae can be given ports.

    :param group: where OPTS are registered
    """
    return conf[group].compute_driver not in _FIXED
