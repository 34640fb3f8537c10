"""The firewall calls of our agent extension."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from sriov_provider.amphora import reply as replies
from sriov_provider.amphora.base import Endpoint, FirewallState
from sriov_provider.amphora.reply import Reply
from sriov_provider.firewall import counts

PATH = "security-group"


class Requests(Protocol):
    """Carries requests to agents: :class:`sriov_provider.amphora.octavia_rest.Agents`."""

    def request(
        self,
        endpoint: Endpoint,
        method: str,
        path: str,
        *,
        json: Any = None,
        data: bytes | None = None,
        timeout: tuple[float, float] | None = None,
        attempts: int = 3,
    ) -> Reply: ...


def apply(requests: Requests, endpoint: Endpoint, document: Mapping[str, Any]) -> FirewallState:
    """See :meth:`sriov_provider.amphora.base.AmphoraClient.apply_firewall`."""
    return _state(
        requests.request(endpoint, "POST", PATH, json=dict(document)),
        endpoint,
        "apply its firewall",
    )


def read(
    requests: Requests,
    endpoint: Endpoint,
    *,
    counters: bool = True,
    patience: tuple[float, float] | None = None,
) -> FirewallState:
    """See :meth:`sriov_provider.amphora.base.AmphoraClient.firewall`."""
    # Agents that do not know the question tell the counters all the same.
    path = PATH if counters else f"{PATH}?counters=false"
    if patience is None:
        answer = requests.request(endpoint, "GET", path)
    else:
        answer = requests.request(endpoint, "GET", path, timeout=patience, attempts=1)
    return _state(answer, endpoint, "show its firewall")


def _state(answer: Reply, endpoint: Endpoint, doing: str) -> FirewallState:
    body = replies.check_firewall(answer, endpoint, doing).mapping
    try:
        return parse(body)
    except ValueError as error:
        raise replies.unexpected(endpoint, "a firewall call") from error


def parse(body: Mapping[str, Any]) -> FirewallState:
    """An answer of either form that agents give.

    :raises ValueError: it is neither
    """
    told = body.get("counters")
    interfaces = body.get("interfaces") or {}
    digest, table = body.get("digest"), body.get("table", "")
    changed = body.get("changed_files") or []
    if not (isinstance(digest, str) and isinstance(table, str) and isinstance(interfaces, Mapping)):
        raise ValueError("no state of a firewall")
    return FirewallState(
        digest=digest,
        counters=counts.parse(told) if told else None,
        table=table,
        drifted=body.get("drifted") is True,
        interfaces={str(mac): name and str(name) for mac, name in interfaces.items()},
        changed_files=tuple(map(str, changed)) if isinstance(changed, list) else (),
    )
