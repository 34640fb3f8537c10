"""Amphorae that only remember what they were told.

::

    amphorae = FakeAmphora()
    amphorae.fail("apply_firewall", errors.firewall_refused())
    ...
    assert amphorae.of(amphora_id).document["version"] == 1
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from sriov_provider import tree
from sriov_provider.amphora.base import (
    AgentInfo,
    AmphoraView,
    Endpoint,
    FirewallState,
    NetworkPlug,
    VipPlug,
)
from sriov_provider.errors import Code, ProviderError
from sriov_provider.firewall.counts import Counters
from tests.fakes.errors import extension_missing
from tests.fakes.faults import Faults, verb

LIFETIME = datetime.timedelta(days=730)


@dataclasses.dataclass
class Configuration:
    """One ``configure`` as it arrived."""

    load_balancer: tree.LoadBalancer
    topology: str
    amphorae: tuple[AmphoraView, ...]
    peer_port: int


@dataclasses.dataclass
class AmphoraRow:
    """What one amphora was told.

    :ivar networks: MAC -> the last plug
    :ivar on_vip: member addresses on the VIP interface
    :ivar documents: every rule document that was applied, oldest first
    :ivar configurations: every configuration, oldest first
    :ivar vrrp: the amphorae it was told to share the VIP with, itself included, oldest first
    :ivar certificates: of the agent, after the one it was built with
    :ivar order: verbs that changed something, in order
    :ivar meddled: digest that somebody else's change of the rules gives, until the next document
    :ivar changed: files that somebody else has changed, until the next configuration
    :ivar gone: MAC addresses whose interface is not there any more
    :ivar counters: what it has counted
    """

    address: str = ""
    vip: VipPlug | None = None
    on_vip: NetworkPlug | None = None
    networks: dict[str, NetworkPlug] = dataclasses.field(default_factory=dict)
    documents: list[Mapping[str, Any]] = dataclasses.field(default_factory=list)
    configurations: list[Configuration] = dataclasses.field(default_factory=list)
    vrrp: list[tuple[AmphoraView, ...]] = dataclasses.field(default_factory=list)
    certificates: list[bytes] = dataclasses.field(default_factory=list)
    order: list[str] = dataclasses.field(default_factory=list)
    meddled: str | None = None
    changed: tuple[str, ...] = ()
    gone: set[str] = dataclasses.field(default_factory=set)
    counters: Counters = dataclasses.field(default_factory=Counters)

    @property
    def state(self) -> FirewallState:
        """What the agent tells of its firewall."""
        applied = digest(self.document) if self.document else ""
        names = enumerate((i["mac"] for i in self.document.get("interfaces", ())), 1)
        return FirewallState(
            applied if self.meddled is None else self.meddled,
            self.counters,
            drifted=self.meddled is not None,
            interfaces={mac: None if mac in self.gone else f"eth{n}" for n, mac in names},
            changed_files=self.changed,
        )

    @property
    def document(self) -> Mapping[str, Any]:
        """The rule document in force; empty when there is none."""
        return self.documents[-1] if self.documents else {}

    @property
    def served(self) -> tree.LoadBalancer | None:
        """The tree it serves now."""
        return self.configurations[-1].load_balancer if self.configurations else None


def digest(document: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical JSON text."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class FakeAmphora(Faults):
    """Implements :class:`~sriov_provider.amphora.base.AmphoraClient` and
    :class:`~sriov_provider.amphora.base.AmphoraBuilder`, for all amphorae at once.

    :ivar extension: what images have; None for a stock image
    :ivar is_up: tells by amphora id whether an agent answers; by default all do
    """

    def __init__(self, extension: str | None = "1.0") -> None:
        super().__init__()
        self.extension = extension
        self.is_up: Callable[[str], bool] = lambda amphora_id: True
        self.rows: dict[str, AmphoraRow] = collections.defaultdict(AmphoraRow)
        self.built: list[str] = []

    def of(self, amphora_id: str) -> AmphoraRow:
        """What the amphora with this id was told."""
        return self.rows[amphora_id]

    @verb
    def boot_files(
        self, amphora_id: str, topology: str
    ) -> tuple[Mapping[str, str], str | None, Any]:
        self.built.append(amphora_id)
        files = {"/etc/octavia/amphora-agent.conf": f"[amphora_agent]\namphora_id={amphora_id}\n"}
        return files, None, datetime.datetime.now(datetime.timezone.utc) + LIFETIME

    @verb
    def server_certificate(self, amphora_id: str) -> tuple[bytes, Any]:
        pem = f"certificate {len(self.rows[amphora_id].certificates) + 2} of {amphora_id}"
        return pem.encode(), datetime.datetime.now(datetime.timezone.utc) + LIFETIME

    @verb
    def upload_certificate(self, endpoint: Endpoint, pem: bytes) -> None:
        self._changed(endpoint, "upload_certificate").certificates.append(pem)

    @verb
    def wait_ready(self, endpoint: Endpoint, timeout: float) -> AgentInfo:
        self._reach(endpoint)
        return AgentInfo("1.0", "2.6.12", self.extension)

    @verb
    def probe(self, endpoint: Endpoint, patience: tuple[float, float]) -> None:
        self._reach(endpoint)

    @verb
    def plug_vip(self, endpoint: Endpoint, plug: VipPlug) -> None:
        self._changed(endpoint, "plug_vip").vip = plug

    @verb
    def plug_network(self, endpoint: Endpoint, plug: NetworkPlug) -> None:
        self._changed(endpoint, "plug_network").networks[plug.mac] = plug

    @verb
    def plug_network_on_vip(self, endpoint: Endpoint, vip: VipPlug, plug: NetworkPlug) -> None:
        row = self._changed(endpoint, "plug_network_on_vip")
        row.vip, row.on_vip = vip, plug

    @verb
    def apply_firewall(self, endpoint: Endpoint, document: Mapping[str, Any]) -> FirewallState:
        if self.extension is None:
            raise extension_missing()
        json.dumps(document)  # it has to be JSON, as on the wire
        row = self._changed(endpoint, "apply_firewall")
        row.documents.append(document)
        row.meddled = None
        return row.state

    @verb
    def firewall(
        self,
        endpoint: Endpoint,
        *,
        counters: bool = True,
        patience: tuple[float, float] | None = None,
    ) -> FirewallState:
        state = self._reach(endpoint).state
        return state if counters else dataclasses.replace(state, counters=None)

    @verb
    def configure(
        self,
        endpoint: Endpoint,
        load_balancer: tree.LoadBalancer,
        topology: str,
        amphorae: tuple[AmphoraView, ...],
        peer_port: int,
    ) -> None:
        row = self._changed(endpoint, "configure")
        row.configurations.append(Configuration(load_balancer, topology, amphorae, peer_port))
        row.changed = ()

    @verb
    def configure_vrrp(
        self,
        endpoint: Endpoint,
        load_balancer: tree.LoadBalancer,
        amphorae: tuple[AmphoraView, ...],
        vip: VipPlug,
    ) -> None:
        row = self._changed(endpoint, "configure_vrrp")
        row.vrrp.append(amphorae)

    @verb
    def stop_vrrp(self, endpoint: Endpoint, patience: tuple[float, float]) -> None:
        self._changed(endpoint, "stop_vrrp")

    @verb
    def start_vrrp(self, endpoint: Endpoint, patience: tuple[float, float]) -> None:
        self._changed(endpoint, "start_vrrp")

    @verb
    def stand_down(self, endpoint: Endpoint, patience: tuple[float, float]) -> None:
        self._changed(endpoint, "stand_down")

    def _reach(self, endpoint: Endpoint) -> AmphoraRow:
        if not self.is_up(endpoint.amphora_id):
            operator = f"amphora {endpoint.amphora_id} at {endpoint.address}: connection refused"
            user = "The load balancer's instance does not answer."
            raise ProviderError(Code.AGENT_UNREACHABLE, user, operator, retriable=True)
        row = self.rows[endpoint.amphora_id]
        row.address = endpoint.address
        return row

    def _changed(self, endpoint: Endpoint, what: str) -> AmphoraRow:
        row = self._reach(endpoint)
        row.order.append(what)
        return row
