from __future__ import annotations

import pytest

from sriov_provider import tree
from sriov_provider.amphora.base import (
    AmphoraBuilder,
    AmphoraClient,
    AmphoraView,
    Endpoint,
    NetworkPlug,
    VipPlug,
)
from sriov_provider.errors import Code, ProviderError
from sriov_provider.network.base import Subnet
from tests.fakes import errors
from tests.fakes.amphora import FakeAmphora, digest

HERE = Endpoint("amp-1", "192.0.2.2")
SUBNET = Subnet("s", "n", "10.0.0.0/24")
VIP = VipPlug("10.0.0.9", SUBNET, "fa:16:3e:00:00:01", 1500, "10.0.0.5")
MEMBERS = NetworkPlug("fa:16:3e:00:00:02", 1500, (("10.1.0.5", SUBNET),))
LB = tree.LoadBalancer("lb-1", "p", "10.0.0.9", "vip-port", "s", "n")


def test_it_is_both_contracts() -> None:
    client: AmphoraClient = FakeAmphora()
    builder: AmphoraBuilder = FakeAmphora()
    assert client.wait_ready(HERE, 1).extension == "1.0"
    files, user_data, expires = builder.boot_files("amp-1", "SINGLE")
    assert "amp-1" in files["/etc/octavia/amphora-agent.conf"]
    assert user_data is None
    assert expires.utcoffset() is not None


def test_it_remembers_what_it_was_told_in_order() -> None:
    amphorae = FakeAmphora()
    amphorae.plug_vip(HERE, VIP)
    amphorae.plug_network(HERE, MEMBERS)
    amphorae.plug_network_on_vip(HERE, VIP, MEMBERS)
    state = amphorae.apply_firewall(HERE, {"ports": []})
    view = AmphoraView("amp-1", HERE.address, "10.0.0.5", "port-1")
    amphorae.configure(HERE, LB, "SINGLE", (view,), 1025)
    amphorae.configure_vrrp(HERE, LB, (view,), VIP)
    amphorae.stop_vrrp(HERE, (1.0, 1.0))
    amphorae.start_vrrp(HERE, (1.0, 1.0))
    amphorae.stand_down(HERE, (1.0, 1.0))
    row = amphorae.of("amp-1")
    assert row.order == [
        "plug_vip", "plug_network", "plug_network_on_vip", "apply_firewall", "configure",
        "configure_vrrp", "stop_vrrp", "start_vrrp", "stand_down",
    ]  # fmt: skip
    assert row.vrrp == [(view,)]
    assert (row.vip, row.on_vip, row.networks) == (VIP, MEMBERS, {MEMBERS.mac: MEMBERS})
    assert (row.document, row.served) == ({"ports": []}, LB)
    assert state == amphorae.firewall(HERE)
    assert state.digest == digest({"ports": []})


def test_fresh_amphora_has_no_rules_and_serves_nothing() -> None:
    amphorae = FakeAmphora()
    assert amphorae.firewall(HERE).digest == ""
    assert amphorae.of("amp-1").served is None


def test_image_without_the_extension() -> None:
    amphorae = FakeAmphora(extension=None)
    assert amphorae.wait_ready(HERE, 1).extension is None
    with pytest.raises(ProviderError) as caught:
        amphorae.apply_firewall(HERE, {})
    assert caught.value.reason.code is Code.EXTENSION_MISSING


def test_amphora_that_is_down_and_injected_refusal() -> None:
    amphorae = FakeAmphora()
    amphorae.is_up = lambda amphora_id: amphora_id != "amp-1"
    with pytest.raises(ProviderError) as caught:
        amphorae.wait_ready(HERE, 1)
    assert caught.value.reason.code is Code.AGENT_UNREACHABLE
    other = Endpoint("amp-2", "192.0.2.3")
    amphorae.fail("apply_firewall", errors.firewall_refused())
    with pytest.raises(ProviderError):
        amphorae.apply_firewall(other, {})
    assert amphorae.of("amp-2").documents == []


def test_document_has_to_be_json() -> None:
    with pytest.raises(TypeError):
        FakeAmphora().apply_firewall(HERE, {"cidrs": {1, 2}})
