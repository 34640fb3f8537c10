"""What an agent answered, and what its refusals mean (pure)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from sriov_provider.amphora.base import Endpoint
from sriov_provider.errors import Code, ProviderError

API_VERSION = "1.0"
_NO_INTERFACE = "No suitable network interface found"
_LONGEST = 1000


@dataclasses.dataclass(frozen=True)
class Reply:
    """:ivar status: HTTP status
    :ivar body: decoded JSON, None when the answer was something else
    """

    status: int
    body: Any = None
    text: str = ""

    @property
    def ok(self) -> bool:
        return self.status < 400

    @property
    def mapping(self) -> Mapping[str, Any]:
        """The JSON object, empty when the body is none."""
        return self.body if isinstance(self.body, Mapping) else {}

    @property
    def message(self) -> str:
        """The agent's own words, shortened."""
        parts = [
            str(self.mapping[k]) for k in ("message", "error", "details") if self.mapping.get(k)
        ]
        return (": ".join(parts) or self.text.strip() or "no reason given")[:_LONGEST]

    @property
    def interface_missing(self) -> bool:
        """The guest kernel does not show the device yet, or the agent is still starting."""
        if self.status != 404:
            return False
        return self.body is None or _NO_INTERFACE in str(self.mapping.get("details", ""))


def check(reply: Reply, endpoint: Endpoint, doing: str) -> Reply:
    """Pass a good answer on.

    :param doing: what was asked, to end "refused to ..."
    :raises ProviderError: AGENT_ERROR; retriable when the fault is on the agent's side
    """
    if reply.ok:
        return reply
    raise ProviderError(
        Code.AGENT_ERROR,
        "The load balancer's instance did not accept its configuration.",
        f"The agent of amphora {endpoint.amphora_id} at {endpoint.address} refused to {doing}: "
        f"status {reply.status}: {reply.message}",
        retriable=reply.status >= 500,
    )


def check_firewall(reply: Reply, endpoint: Endpoint, doing: str) -> Reply:
    """As :func:`check`, for the extension's own calls.

    :raises ProviderError: EXTENSION_MISSING, FIREWALL_REFUSED or AGENT_ERROR
    """
    where = f"amphora {endpoint.amphora_id} at {endpoint.address}"
    if reply.status == 404:
        raise ProviderError(
            Code.EXTENSION_MISSING,
            "The load balancer's image cannot protect SR-IOV ports.",
            f"The agent of {where} has no security-group endpoint: its image lacks the amphora "
            "agent extension (sriov-amphora-agent).",
        )
    if reply.status == 400:
        path, reason = reply.mapping.get("path") or "(document)", reply.message
        raise ProviderError(
            Code.FIREWALL_REFUSED,
            "The load balancer's instance refused its firewall rules.",
            f"The agent of {where} refused the rule document at {path}: {reason}",
        )
    return check(reply, endpoint, doing)


def interface_missing(endpoint: Endpoint, mac: str, seconds: float) -> ProviderError:
    return ProviderError(
        Code.AGENT_ERROR,
        "A network interface did not appear in the load balancer's instance.",
        f"The agent of amphora {endpoint.amphora_id} at {endpoint.address} did not find an "
        f"interface with MAC {mac} within {seconds:g} seconds of its plugging.",
        retriable=True,
    )


def unexpected(endpoint: Endpoint, what: str) -> ProviderError:
    return ProviderError(
        Code.AGENT_ERROR,
        "The load balancer's instance gave an answer that makes no sense.",
        f"The agent of amphora {endpoint.amphora_id} at {endpoint.address} answered {what} in an "
        "unknown form.",
    )
