"""Rate limits of ports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from sriov_provider.errors import Code, ProviderError
from sriov_provider.portdriver import qos, wish

LIMIT = {"type": "bandwidth_limit", "max_kbps": 20_000, "direction": "egress"}
PORT = {"id": "p", "mac_address": "fa:16:3e:00:00:01"}


class Neutron:
    """With one policy."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def find(self, path: str) -> Mapping[str, Any] | None:
        self.asked.append(path)
        slow = {"policy": {"id": "slow", "shared": True, "rules": [LIMIT]}}
        return slow if path == "/qos/policies/slow" else None


@pytest.mark.parametrize(
    ("port", "network"),
    [
        ({"qos_policy_id": "slow"}, {"qos_policy_id": "other"}),
        ({"qos_policy_id": None}, {"qos_policy_id": "slow"}),
        ({"qos_network_policy_id": "slow"}, {"qos_policy_id": None}),
    ],
)
def test_a_port_has_its_own_limit_or_its_networks(port: Any, network: Any) -> None:
    found = qos.limited(Neutron(), PORT | port, network)
    assert found["qos_policy"] == {"id": "slow", "rules": [LIMIT]}
    assert wish.wish(found, {"provider:network_type": "flat"}).rate == 20


@pytest.mark.parametrize(
    ("port", "network"),
    [({}, {}), ({"qos_network_policy_id": None}, {"qos_policy_id": "formerly"})],
)
def test_most_have_none(port: Any, network: Any) -> None:
    neutron = Neutron()
    assert qos.limited(neutron, PORT | port, network) == PORT | port and not neutron.asked


def test_a_limit_that_is_not_shown_is_not_left_out() -> None:
    with pytest.raises(ProviderError, match="QoS policy hidden") as caught:
        qos.limited(Neutron(), PORT | {"qos_policy_id": "hidden"}, {})
    assert caught.value.reason.code is Code.CONFIGURATION
