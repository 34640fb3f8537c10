"""Speaks to amphora agents: the stock calls and those of our extension."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import tenacity
from oslo_log import log as logging

from sriov_provider import tree
from sriov_provider.amphora import certificates, plugs, security_group
from sriov_provider.amphora import reply as replies
from sriov_provider.amphora.base import (
    AgentInfo,
    AmphoraView,
    Endpoint,
    FirewallState,
    NetworkPlug,
    VipPlug,
)
from sriov_provider.amphora.memory import Memory
from sriov_provider.amphora.model import Serving
from sriov_provider.amphora.reply import Reply
from sriov_provider.amphora.security_group import Requests
from sriov_provider.errors import Code, ProviderError

LOG = logging.getLogger(__name__)
CAPABILITIES_PATH = "sriov-capabilities"
DOWN_PATH = "sriov-interfaces/down"
_PAIR = "ACTIVE_STANDBY"


class Rendering(Protocol):
    """Writes configurations: :class:`sriov_provider.amphora.octavia_config.Templates`."""

    def certificate_directory(self, load_balancer_id: str) -> str: ...

    def haproxy(
        self,
        serving: Serving,
        amphora_id: str,
        haproxy_version: str,
        details: Mapping[str, Any],
    ) -> str: ...

    def lvs(self, serving: Serving, listener_id: str) -> str: ...

    def vrrp(self, serving: Serving, amphora_id: str, interface: str, vip: VipPlug) -> str: ...


@dataclasses.dataclass(frozen=True)
class Pace:
    """All in seconds.

    :ivar ready_timeout: to connect, and for the answer, while an amphora boots; an emulated
        machine may take many seconds to look up package versions
    :ivar plug_timeout: how long the guest kernel may take to show a hot-plugged device
    """

    ready_interval: float = 0.25
    ready_timeout: tuple[float, float] = (5.0, 30.0)
    plug_interval: float = 0.25
    plug_timeout: float = 60.0


class AgentClient:
    """Implements :class:`sriov_provider.amphora.base.AmphoraClient`. May be shared by threads."""

    def __init__(self, requests: Requests, rendering: Rendering, pace: Pace | None = None) -> None:
        self._requests = requests
        self._rendering = rendering
        self._pace = pace or Pace()
        self._uploaded = Memory()

    def wait_ready(self, endpoint: Endpoint, timeout: float) -> AgentInfo:
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception(_not_yet),
            wait=tenacity.wait_fixed(self._pace.ready_interval),
            stop=tenacity.stop_after_delay(timeout),
            reraise=True,
        )(self._probe, endpoint)

    def _probe(self, endpoint: Endpoint) -> AgentInfo:
        options: dict[str, Any] = {"timeout": self._pace.ready_timeout, "attempts": 1}
        answer = self._requests.request(endpoint, "GET", "info", **options)
        if answer.status == 404 and answer.body is None:
            answer = Reply(503, text="the agent is still starting")
        info = replies.check(answer, endpoint, "tell its version").mapping
        if "api_version" not in info:
            raise replies.unexpected(endpoint, "the question for its version")
        capabilities = self._requests.request(endpoint, "GET", CAPABILITIES_PATH, **options)
        if capabilities.status != 404:
            replies.check(capabilities, endpoint, "tell its capabilities")
        return AgentInfo(
            api_version=str(info["api_version"]),
            haproxy_version=str(info.get("haproxy_version", "")).strip(),
            extension=capabilities.mapping.get("extension"),
        )

    def probe(self, endpoint: Endpoint, patience: tuple[float, float]) -> None:
        answer = self._requests.request(endpoint, "GET", "info", timeout=patience, attempts=1)
        replies.check(answer, endpoint, "tell its version")

    def plug_vip(self, endpoint: Endpoint, plug: VipPlug) -> None:
        self._plug(endpoint, f"plug/vip/{plug.vip_address}", plugs.vip(plug), done=(409,))

    def plug_network(self, endpoint: Endpoint, plug: NetworkPlug) -> None:
        self._plug(endpoint, "plug/network", plugs.network(plug))

    def plug_network_on_vip(self, endpoint: Endpoint, vip: VipPlug, plug: NetworkPlug) -> None:
        self._plug(endpoint, "plug/network", plugs.network_on_vip(vip, plug))

    def _plug(
        self, endpoint: Endpoint, path: str, body: Mapping[str, Any], done: tuple[int, ...] = ()
    ) -> None:
        last = tenacity.Retrying(
            retry=tenacity.retry_if_result(_interface_missing),
            wait=tenacity.wait_fixed(self._pace.plug_interval),
            stop=tenacity.stop_after_delay(self._pace.plug_timeout),
            retry_error_callback=_last_result,
        )(self._requests.request, endpoint, "POST", path, json=body)
        if last.interface_missing:
            raise replies.interface_missing(endpoint, body["mac_address"], self._pace.plug_timeout)
        if last.status not in done:
            replies.check(last, endpoint, "plug an interface")

    def apply_firewall(self, endpoint: Endpoint, document: Mapping[str, Any]) -> FirewallState:
        return security_group.apply(self._requests, endpoint, document)

    def upload_certificate(self, endpoint: Endpoint, pem: bytes) -> None:
        answer = self._requests.request(endpoint, "PUT", "certificate", data=pem)
        replies.check(answer, endpoint, "take another certificate")

    def firewall(
        self,
        endpoint: Endpoint,
        *,
        counters: bool = True,
        patience: tuple[float, float] | None = None,
    ) -> FirewallState:
        return security_group.read(self._requests, endpoint, counters=counters, patience=patience)

    def configure(
        self,
        endpoint: Endpoint,
        load_balancer: tree.LoadBalancer,
        topology: str,
        amphorae: tuple[AmphoraView, ...],
        peer_port: int,
    ) -> None:
        serving = Serving(load_balancer, topology, amphorae, peer_port)
        details = self._call(endpoint, "GET", "details", "tell its details").mapping
        if any(not x.is_lvs for x in load_balancer.listeners):
            self._configure_haproxy(endpoint, serving, details)
        else:
            self._delete(endpoint, [load_balancer.id])
            self._uploaded.replace(endpoint.amphora_id, frozenset())
        for listener in load_balancer.listeners:
            if listener.is_lvs:
                self._configure_lvs(endpoint, serving, listener.id)
        wanted = {x.id for x in load_balancer.listeners}
        running = details.get("listeners") or []
        self._delete(endpoint, [x for x in running if _is_id(x) and x not in wanted])

    def configure_vrrp(
        self,
        endpoint: Endpoint,
        load_balancer: tree.LoadBalancer,
        amphorae: tuple[AmphoraView, ...],
        vip: VipPlug,
    ) -> None:
        doing = "tell the interface of the VIP"
        found = self._call(endpoint, "GET", f"interface/{vip.vrrp_ip}", doing).mapping
        if "interface" not in found:
            raise replies.unexpected(endpoint, "the question for the interface of the VIP")
        serving = Serving(load_balancer, _PAIR, amphorae, peer_port=0)
        config = self._rendering.vrrp(serving, endpoint.amphora_id, str(found["interface"]), vip)
        self._call(endpoint, "PUT", "vrrp/upload", "take its VRRP configuration", config)
        # The agent reloads keepalived when it is asked to start what runs.
        self._call(endpoint, "PUT", "vrrp/start", "start VRRP")

    def stop_vrrp(self, endpoint: Endpoint, patience: tuple[float, float]) -> None:
        self._vrrp(endpoint, "stop", patience)

    def start_vrrp(self, endpoint: Endpoint, patience: tuple[float, float]) -> None:
        self._vrrp(endpoint, "start", patience)

    def _vrrp(self, endpoint: Endpoint, what: str, patience: tuple[float, float]) -> None:
        path = f"vrrp/{what}"
        answer = self._requests.request(endpoint, "PUT", path, timeout=patience, attempts=1)
        replies.check(answer, endpoint, f"{what} VRRP")

    def stand_down(self, endpoint: Endpoint, patience: tuple[float, float]) -> None:
        answer = self._requests.request(endpoint, "PUT", DOWN_PATH, timeout=patience, attempts=1)
        replies.check(answer, endpoint, "take its interfaces down")

    def _configure_haproxy(
        self, endpoint: Endpoint, serving: Serving, details: Mapping[str, Any]
    ) -> None:
        lb = serving.load_balancer
        files = certificates.files(lb, self._rendering.certificate_directory(lb.id))
        config = self._rendering.haproxy(
            serving, endpoint.amphora_id, str(details.get("haproxy_version", "")), details
        )
        names = frozenset(f.name for f in files)
        self._uploaded.add(endpoint.amphora_id, names)
        for file in files:
            self._upload_certificate(endpoint, lb.id, file)
        path = f"loadbalancer/{endpoint.amphora_id}/{lb.id}/haproxy"
        self._call(endpoint, "PUT", path, "take its haproxy configuration", config)
        # The agent starts haproxy when it is asked to reload and nothing runs.
        self._call(endpoint, "PUT", f"loadbalancer/{lb.id}/reload", "reload haproxy")
        stale = self._uploaded.replace(endpoint.amphora_id, names) - names
        self._delete_certificates(endpoint, lb.id, stale)

    def _upload_certificate(
        self, endpoint: Endpoint, load_balancer_id: str, file: certificates.CertificateFile
    ) -> None:
        path = f"loadbalancer/{load_balancer_id}/certificates/{file.name}"
        answer = self._requests.request(endpoint, "GET", path)
        if answer.status != 404:
            replies.check(answer, endpoint, "compare a certificate")
        if answer.mapping.get("md5sum") != file.md5:
            self._call(endpoint, "PUT", path, "take a certificate", file.content)

    def _delete_certificates(
        self, endpoint: Endpoint, load_balancer_id: str, names: Iterable[str]
    ) -> None:
        for name in sorted(names):
            path = f"loadbalancer/{load_balancer_id}/certificates/{name}"
            try:
                self._call(endpoint, "DELETE", path, "delete a certificate")
            except ProviderError as e:
                # haproxy does not read it any more; the file goes with the amphora.
                LOG.warning("A certificate file that is no longer used stays: %s", e)

    def _configure_lvs(self, endpoint: Endpoint, serving: Serving, listener_id: str) -> None:
        config = self._rendering.lvs(serving, listener_id)
        path = f"listeners/{endpoint.amphora_id}/{listener_id}/udp_listener"
        self._call(endpoint, "PUT", path, "take its LVS configuration", config)
        self._call(endpoint, "PUT", f"loadbalancer/{listener_id}/reload", "reload keepalived")

    def _delete(self, endpoint: Endpoint, ids: Iterable[str]) -> None:
        """The agent answers success for what it does not have (and for a single frontend, which
        left with the haproxy configuration)."""
        for object_id in ids:
            self._call(endpoint, "DELETE", f"listeners/{object_id}", "delete a listener")

    def _call(
        self,
        endpoint: Endpoint,
        method: str,
        path: str,
        doing: str,
        content: str | bytes | None = None,
    ) -> Reply:
        data = content.encode() if isinstance(content, str) else content
        answer = self._requests.request(endpoint, method, path, data=data)
        return replies.check(answer, endpoint, doing)


def _not_yet(error: BaseException) -> bool:
    """While an amphora boots, a certificate may not be valid *yet* (its clock is still being set),
    and its address may for a moment still be answered by the one that had it before."""
    return isinstance(error, ProviderError) and (
        error.retriable or error.reason.code is Code.CERTIFICATE
    )


def _interface_missing(answer: Reply) -> bool:
    return answer.interface_missing


def _last_result(state: tenacity.RetryCallState) -> Any:
    assert state.outcome is not None
    return state.outcome.result()


def _is_id(name: Any) -> bool:
    """Frontends of haproxy's own (the Prometheus exporter's) have names that are no ids."""
    try:
        uuid.UUID(str(name))
    except ValueError:
        return False
    return True
