"""Contract of the amphora side: what the worker asks of an amphora's agent."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Protocol

from sriov_provider import tree
from sriov_provider.firewall.counts import Counters
from sriov_provider.network.base import Subnet


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """Where an agent listens. The amphora id is the name its certificate is checked against."""

    amphora_id: str
    address: str


@dataclasses.dataclass(frozen=True)
class AgentInfo:
    """:ivar extension: version of our extension, None when the image lacks it"""

    api_version: str
    haproxy_version: str
    extension: str | None


@dataclasses.dataclass(frozen=True)
class AmphoraView:
    """One amphora of the load balancer as the configuration templates need it."""

    id: str
    management_ip: str
    vrrp_ip: str
    vrrp_port_id: str
    role: str = "STANDALONE"


@dataclasses.dataclass(frozen=True)
class VipPlug:
    """One VIP interface. ``additional`` pairs each further VIP address with its subnet."""

    vip_address: str
    subnet: Subnet
    mac: str
    mtu: int
    vrrp_ip: str
    additional: tuple[tuple[str, Subnet], ...] = ()


@dataclasses.dataclass(frozen=True)
class NetworkPlug:
    """One member interface; ``addresses`` pairs each fixed address with its subnet."""

    mac: str
    mtu: int
    addresses: tuple[tuple[str, Subnet], ...]


@dataclasses.dataclass(frozen=True)
class FirewallState:
    """:ivar digest: of the document in force; empty when there is none, or when the kernel holds
        something else than was applied
    :ivar counters: None when the agent was not asked for them
    :ivar table: digest of what the kernel holds; empty when the agent does not tell
    :ivar drifted: True when the agent says that the kernel holds something else
    :ivar interfaces: name by MAC address, None for one that is not in the amphora
    :ivar changed_files: of haproxy and keepalived, that are not as they were sent
    """

    digest: str
    counters: Counters | None = None
    table: str = ""
    drifted: bool = False
    interfaces: Mapping[str, str | None] = dataclasses.field(default_factory=dict)
    changed_files: tuple[str, ...] = ()


class AmphoraClient(Protocol):
    """Speaks to agents over mutual TLS. All verbs raise
    :class:`~sriov_provider.errors.ProviderError` (AGENT_UNREACHABLE, AGENT_ERROR,
    EXTENSION_MISSING, FIREWALL_REFUSED, CERTIFICATE)."""

    def wait_ready(self, endpoint: Endpoint, timeout: float) -> AgentInfo:
        """Poll (bounded, ``timeout`` seconds) until the agent answers."""

    def probe(self, endpoint: Endpoint, patience: tuple[float, float]) -> None:
        """Return when the agent answers; one attempt.

        :param patience: seconds to connect and to wait for the answer
        """

    def plug_vip(self, endpoint: Endpoint, plug: VipPlug) -> None:
        """Plugged already is success. The agent may need a moment until the guest kernel shows
        the device: bounded retries inside."""

    def plug_network(self, endpoint: Endpoint, plug: NetworkPlug) -> None:
        """Plugged already means: set its addresses to these."""

    def plug_network_on_vip(self, endpoint: Endpoint, vip: VipPlug, plug: NetworkPlug) -> None:
        """Set member addresses on the VIP interface (members on the VIP's own network)."""

    def apply_firewall(self, endpoint: Endpoint, document: Mapping[str, Any]) -> FirewallState:
        """Replace the whole ruleset; FIREWALL_REFUSED with the agent's path and reason."""

    def firewall(
        self,
        endpoint: Endpoint,
        *,
        counters: bool = True,
        patience: tuple[float, float] | None = None,
    ) -> FirewallState:
        """What the kernel holds.

        :param counters: False is cheaper for the amphora
        :param patience: seconds to connect and to wait for the answer, with one attempt; by default
            those of all other calls
        """

    def upload_certificate(self, endpoint: Endpoint, pem: bytes) -> None:
        """Give the agent another certificate with its key; connections made from then on are
        served with it."""

    def configure(
        self,
        endpoint: Endpoint,
        load_balancer: tree.LoadBalancer,
        topology: str,
        amphorae: tuple[AmphoraView, ...],
        peer_port: int,
    ) -> None:
        """Make haproxy, LVS and certificates on this amphora exactly what the tree says: upload
        certificates, haproxy and LVS configurations, (re)start, and delete listeners the agent
        still runs that are no longer in the tree. ``load_balancer`` holds only what shall be
        served. LVS pools need keepalived health checks as the templates write them."""

    def configure_vrrp(
        self,
        endpoint: Endpoint,
        load_balancer: tree.LoadBalancer,
        amphorae: tuple[AmphoraView, ...],
        vip: VipPlug,
    ) -> None:
        """Tell this amphora of a pair who its peer is, and let it take part in deciding which of
        them has the VIP. One that takes part already keeps its state.

        :param amphorae: of the load balancer, this one included
        :param vip: its VIP interface
        """

    def stop_vrrp(self, endpoint: Endpoint, patience: tuple[float, float]) -> None:
        """It says good-bye to its peer, which takes the VIP at once; one attempt.

        :param patience: seconds to connect and to wait for the answer
        """

    def start_vrrp(self, endpoint: Endpoint, patience: tuple[float, float]) -> None:
        """What has been stopped goes on as it was configured; one attempt.

        :param patience: seconds to connect and to wait for the answer
        """

    def stand_down(self, endpoint: Endpoint, patience: tuple[float, float]) -> None:
        """Its interfaces of user traffic are down when this returns: it neither answers for the
        VIP nor sends from it. One attempt; AGENT_ERROR when its image is too old for this.

        :param patience: seconds to connect and to wait for the answer
        """


class AmphoraBuilder(Protocol):
    """Makes what an amphora is born with. Needs no network."""

    def boot_files(
        self, amphora_id: str, topology: str
    ) -> tuple[Mapping[str, str], str | None, Any]:
        """Config drive files (absolute path -> content: agent configuration, server certificate
        with key, client CA, rsyslog), user data or None, and the certificate's expiry
        (:class:`datetime.datetime`, UTC). Nothing is kept."""

    def server_certificate(self, amphora_id: str) -> tuple[bytes, Any]:
        """Another certificate with its key, and its expiry as above. Nothing is kept."""
