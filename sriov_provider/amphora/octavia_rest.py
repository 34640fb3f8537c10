"""The REST client of agents (one of the modules that import octavia: for its settings only).

Each session carries our client certificate, has a TLS floor, and checks that the server's
certificate is made out to the amphora's id. Octavia's own client does the same, but its ``request``
throws away the reason of a failure and sleeps between its attempts, and its module brings the
stock driver with Octavia's database layer into memory.
"""

from __future__ import annotations

import collections
import ipaddress
import ssl
import threading
from typing import Any

import requests
import tenacity
from octavia.common.config import cfg  # registers what is read here
from requests.adapters import HTTPAdapter
from urllib3.util.ssl_match_hostname import CertificateError

from sriov_provider.amphora.base import Endpoint
from sriov_provider.amphora.reply import API_VERSION, Reply
from sriov_provider.errors import Code, ProviderError

# Sessions kept open; the least recently used is closed first.
KEEP = 64


class _Named(HTTPAdapter):
    """Connections to one amphora, whatever its address."""

    def __init__(self, amphora_id: str) -> None:
        self._name = amphora_id
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        floor = cfg.CONF.amphora_agent.agent_tls_protocol.replace(".", "_")
        options |= {
            "assert_hostname": self._name,
            "ssl_minimum_version": getattr(ssl.TLSVersion, floor),
        }
        super().init_poolmanager(*arguments, **options)


class Agents:
    """Sessions to agents, one per endpoint; threads share them and their open connections."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sessions: collections.OrderedDict[Endpoint, requests.Session]
        self._sessions = collections.OrderedDict()

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
        try:
            response = _patiently(attempts)(
                self._session(endpoint).request,
                method,
                f"https://{_host(endpoint.address)}:{settings.bind_port}/{API_VERSION}/{path}",
                json=json,
                data=data,
                cert=settings.client_cert,
                verify=settings.server_ca,
                timeout=timeout
                or (settings.rest_request_conn_timeout, settings.rest_request_read_timeout),
            )
        except (requests.RequestException, OSError) as e:
            raise _failure(endpoint, e) from e
        return Reply(response.status_code, _json(response), response.text)

    def _session(self, endpoint: Endpoint) -> requests.Session:
        with self._lock:
            if endpoint not in self._sessions:
                self._sessions[endpoint] = requests.Session()
                self._sessions[endpoint].mount("https://", _Named(endpoint.amphora_id))
            self._sessions.move_to_end(endpoint)
            while len(self._sessions) > KEEP:
                # A request under way keeps its connection, and closes it when it is done.
                self._sessions.popitem(last=False)[1].close()
            return self._sessions[endpoint]


def _host(address: str) -> str:
    """As a URL wants it; a link-local one needs the interface of the management network."""
    ip = ipaddress.ip_address(address)
    if ip.version == 4:
        return address
    scope = f"%{cfg.CONF.haproxy_amphora.lb_network_interface}" if ip.is_link_local else ""
    return f"[{address}{scope}]"


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
