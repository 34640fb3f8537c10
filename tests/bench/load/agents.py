"""Agents that say yes: the worker's client, its templates and its rule documents are real, what
they are sent to is not."""

from __future__ import annotations

from typing import Any

from sriov_provider.amphora.base import Endpoint
from sriov_provider.amphora.reply import Reply

_ANSWERS: dict[tuple[str, str], dict[str, Any]] = {
    ("GET", "info"): {"api_version": "1.0", "haproxy_version": "2.6.12-1"},
    ("GET", "details"): {"haproxy_version": "2.6.12-1", "listeners": []},
    ("GET", "sriov-capabilities"): {"extension": "1.0"},
}
# The same for all rules: nothing has to be remembered, and no drift is seen.
_FIREWALL = {"digest": "0" * 64, "interfaces": {}}


class Yes:
    """In place of :class:`sriov_provider.amphora.octavia_rest.Agents`; keeps nothing."""

    def request(self, endpoint: Endpoint, method: str, path: str, **_options: Any) -> Reply:
        if path.startswith("security-group"):
            return Reply(200, _FIREWALL)
        return Reply(200, _ANSWERS.get((method, path), {}))
