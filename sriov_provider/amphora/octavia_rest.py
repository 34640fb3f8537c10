"""The stock agent's REST client (one of the modules that import octavia).

Octavia's client gives the session: client certificate, TLS floor, and the check that the server's
certificate is made out to the amphora's id. Requests are sent on that session directly, because
the client's own ``request`` throws away the reason of a failure and sleeps between its attempts.
"""

from __future__ import annotations

import collections
import ssl
import threading
from typing import Any

import requests
import tenacity
from octavia.amphorae.drivers.haproxy import rest_api_driver
from oslo_config import cfg
from urllib3.util.ssl_match_hostname import CertificateError

from sriov_provider.amphora.base import Endpoint
from sriov_provider.amphora.reply import API_VERSION, Reply
from sriov_provider.errors import Code, ProviderError

# Sessions one thread keeps open.
KEEP = 16


class Agents:
    """Sessions to agents. Octavia's client keeps the name it checks in itself, so that each
    thread has one client per endpoint."""

    def __init__(self) -> None:
        self._local = threading.local()

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
    ) -> Reply:
        """Send one request.

        :param path: below ``/1.0/``, without leading slash
        :param timeout: seconds to connect and to wait for the answer; octavia's
            ``[haproxy_amphora] rest_request_*_timeout`` when not given
        :param attempts: when no connection comes about or it breaks; never after a wait for an
            answer has timed out
        :raises ProviderError: AGENT_UNREACHABLE, CERTIFICATE or CONFIGURATION; every answer,
            whatever its status, is returned
        """
        settings = cfg.CONF.haproxy_amphora
        client = self._client(endpoint)
        try:
            response = _patiently(attempts)(
                client.session.request,
                method,
                client._base_url(endpoint.address, API_VERSION) + path,
                json=json,
                data=data,
                verify=settings.server_ca,
                timeout=timeout
                or (settings.rest_request_conn_timeout, settings.rest_request_read_timeout),
            )
        except (requests.RequestException, OSError) as e:
            raise _failure(endpoint, e) from e
        return Reply(response.status_code, _json(response), response.text)

    def _client(self, endpoint: Endpoint) -> Any:
        clients: collections.OrderedDict[Endpoint, Any]
        clients = self._local.__dict__.setdefault("clients", collections.OrderedDict())
        if endpoint not in clients:
            clients[endpoint] = rest_api_driver.AmphoraAPIClient1_0()
            clients[endpoint].ssl_adapter.uuid = endpoint.amphora_id
        clients.move_to_end(endpoint)
        while len(clients) > KEEP:
            clients.popitem(last=False)[1].session.close()
        return clients[endpoint]


def _json(response: requests.Response) -> Any:
    if "application/json" not in response.headers.get("content-type", ""):
        return None
    try:
        return response.json()
    except requests.JSONDecodeError:
        return None


def _patiently(attempts: int) -> tenacity.Retrying:
    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(_may_pass),
        wait=tenacity.wait_fixed(0.25),
        stop=tenacity.stop_after_attempt(attempts),
        reraise=True,
    )


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, requests.ConnectionError) and not isinstance(
        error, requests.exceptions.SSLError
    )


def _failure(endpoint: Endpoint, error: Exception) -> ProviderError:
    where = f"amphora {endpoint.amphora_id} at {endpoint.address}"
    if not isinstance(error, requests.RequestException) or isinstance(
        error, requests.exceptions.InvalidURL
    ):
        # requests reports certificate files it cannot open as a bare OSError.
        return ProviderError(
            Code.CONFIGURATION,
            "The load balancer service is not set up completely.",
            f"The agent of {where} cannot be called: {error}",
        )
    if _is_certificate(error):
        return ProviderError(
            Code.CERTIFICATE,
            "The load balancer's instance could not be authenticated.",
            f"Mutual TLS with the agent of {where} failed: {error}",
        )
    return ProviderError(
        Code.AGENT_UNREACHABLE,
        "The load balancer's instance does not answer.",
        f"The agent of {where} does not answer: {error}",
        retriable=True,
    )


def _is_certificate(error: BaseException | None) -> bool:
    """Theirs refused by us, or ours refused by them (an alert)."""
    seen: set[int] = set()
    pending = [error]
    while pending:
        current = pending.pop()
        if not isinstance(current, BaseException) or id(current) in seen:
            continue
        seen.add(id(current))
        if isinstance(current, (ssl.SSLCertVerificationError, CertificateError)):
            return True
        if isinstance(current, ssl.SSLError) and "ALERT" in (current.reason or ""):
            return True
        pending += [current.__cause__, current.__context__, getattr(current, "reason", None)]
        pending += [a for a in current.args if isinstance(a, BaseException)]
    return False
