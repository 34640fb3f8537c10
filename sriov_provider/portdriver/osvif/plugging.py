"""Plugs and unplugs through os-vif's plugins.

Settings of plugins are in oslo.config's global ``CONF`` (``[os_vif_ovs]`` and so on), as in every
service that uses os-vif.
"""

from __future__ import annotations

import importlib
import os
import threading
from typing import Any

import os_vif
from os_vif import exception

from sriov_provider import cloud_errors
from sriov_provider.errors import ProviderError
from sriov_provider.portdriver.osvif import vrouter

# The vendor's plugin plugs what Nova boots, which this host has none of.
_OWN = {"vrouter": vrouter.NAME, "contrail_vrouter": vrouter.NAME}
# Plugins that change the host through a process with more rights than the caller's.
_PRIVILEGED = ("vif_plug_ovs.privsep",)
_LOCK = threading.Lock()


def initialize() -> None:
    """Load the plugins, once; safe to repeat.

    A process of root does by itself what the plugins have to do as root: no second one is
    started for it.
    """
    with _LOCK:
        os_vif.initialize()
        if os.geteuid() == 0:
            for name in _PRIVILEGED:
                importlib.import_module(name).vif_plug.set_client_mode(False)


def for_namespace(vif: Any) -> Any:
    """The same object, for the plugin that plugs it here rather than under Nova."""
    vif.plugin = _OWN.get(vif.plugin, vif.plugin)
    return vif


def plug(vif: Any, instance: Any) -> None:
    """:raises ProviderError: CLOUD_ERROR with what the plugin said; what our own raised"""
    _call(os_vif.plug, "plug", vif, instance)


def unplug(vif: Any, instance: Any) -> None:
    """What is not plugged is no error.

    :raises ProviderError: CLOUD_ERROR with what the plugin said; what our own raised
    """
    _call(os_vif.unplug, "unplug", vif, instance)


def _call(verb: Any, name: str, vif: Any, instance: Any) -> None:
    initialize()
    try:
        verb(vif, instance)
    except exception.ExceptionBase as error:
        message = f"os-vif cannot {name} port {vif.id} by its plugin {vif.plugin}: "
        own = error.kwargs.get("err")
        if isinstance(own, ProviderError):
            # Our plugin's; os-vif wraps whatever a plugin raises.
            told, retriable = own.reason, own.retriable
            raise ProviderError(
                told.code, told.user, message + told.operator, retriable=retriable
            ) from own
        raise cloud_errors.cloud_error(f"{message}{error}", retriable=True) from error
