"""The message bus of octavia.conf, read through a ``ConfigOpts`` of our own."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import oslo_messaging as messaging

from sriov_provider import config
from sriov_provider.rpc import NAMESPACE, TOPIC, VERSION

# oslo.messaging reads these groups from the ConfigOpts it is given but registers them, under the
# group's name, on the global one only. Not every release has both.
_UNREGISTERED = {
    "oslo_messaging_metrics": "oslo_messaging._metrics.client",
    "oslo_messaging_tracing": "oslo_messaging._tracing.client",
}


def connect(config_files: Sequence[str]) -> Any:
    """A transport for ``transport_url`` and ``[oslo_messaging_*]`` of these files.

    Nothing is sent or received yet.

    :raises oslo_messaging.exceptions.MessagingException: when the URL cannot be used
    """
    conf = config.parse(config_files)
    for group, module in _UNREGISTERED.items():
        try:
            options = getattr(importlib.import_module(module), group)
        except (ImportError, AttributeError):
            continue
        conf.register_opts(options, group)
    return messaging.get_rpc_transport(conf)


def target(server: str | None = None) -> Any:
    """Where wake-ups go; with ``server`` (a host name), where one worker listens."""
    return messaging.Target(topic=TOPIC, namespace=NAMESPACE, version=VERSION, server=server)
