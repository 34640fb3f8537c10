"""Rate limits of a port in Neutron, put where :mod:`sriov_provider.portdriver.wish` hears them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from sriov_provider.errors import Code, ProviderError
from sriov_provider.portdriver.kernel import USER

Json = Mapping[str, Any]


class Finder(Protocol):
    """:class:`sriov_provider.rest.Rest` of the network service."""

    def find(self, path: str) -> Json | None: ...


def limited(neutron: Finder, port: Json, network: Json) -> Json:
    """The port, with its policy as ``qos_policy``, or else its network's; as it is without one.

    :raises ProviderError: Neutron does not answer, or does not show the policy: a port that is to
        be limited is not plugged without its limit
    """
    # Not every Neutron tells a port of its network's policy.
    inherited = port.get("qos_network_policy_id", network.get("qos_policy_id"))
    policy_id = port.get("qos_policy_id") or inherited
    if not policy_id:
        return port
    found = neutron.find(f"/qos/policies/{policy_id}")
    if found is None:
        text = f"port {port['id']}: Neutron does not show its QoS policy {policy_id} to us"
        raise ProviderError(Code.CONFIGURATION, USER, text)
    return {**port, "qos_policy": {"id": policy_id, "rules": found["policy"]["rules"]}}
