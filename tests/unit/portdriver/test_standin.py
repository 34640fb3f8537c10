"""Stand-ins for ports, and nothing of them afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from sriov_provider.errors import Code, ProviderError
from sriov_provider.portdriver.kernel import Change
from sriov_provider.portdriver.standin import StandinDriver, bridge_name
from tests.unit.portdriver.stage import MAC, OTHER, PORT, TUNNEL, VLAN, Host, host

END, INNER = "svh11111111-00", "svc11111111-00"
BRIDGE = bridge_name("physnet1 101")


def test_a_pair_one_end_on_the_bridge_of_the_segment(one: Host) -> None:
    for _ in range(2):
        assert one.standin.create_host_iface("e1", PORT, [], VLAN) == (END, "")
    links = one.links()
    assert links[END].master == links[BRIDGE].index
    assert (links[END].up, links[BRIDGE].up) == (True, True)
    assert (links[INNER].mac, links[INNER].mtu, links[INNER].up) == (MAC, 1400, False)
    assert one.world()["tables"] == {END: MAC, BRIDGE: "shut"}
    assert one.standin.get_container_iface_name(PORT) == INNER


def test_one_bridge_for_each_segment(one: Host) -> None:
    one.standin.create_host_iface("e1", PORT, [], VLAN)
    one.standin.create_host_iface("e2", OTHER, [], TUNNEL)
    links = one.links()
    masters = {links[name].master for name in (END, "svh22222222-00")}
    assert masters == {links[BRIDGE].index, links[bridge_name("vxlan 5")].index}


def test_the_bridge_goes_with_its_last_port(one: Host) -> None:
    before = one.links()
    one.standin.create_host_iface("e1", PORT, [], VLAN)
    one.standin.create_host_iface("e2", OTHER, [], VLAN)
    assert one.standin.delete_host_iface("e1", PORT) == (END, "")
    assert BRIDGE in one.links()
    assert one.standin.delete_host_iface("e2", OTHER)[0] == "svh22222222-00"
    assert one.standin.delete_host_iface("e2", OTHER) == ("", "")
    assert one.links() == before
    assert one.world()["tables"] == {}


def test_a_bridge_somebody_else_is_on_stays(one: Host) -> None:
    one.standin.create_host_iface("e1", PORT, [], VLAN)
    one.igb.links.add_pair("client", "tap")
    links = one.links()
    one.igb.links.change(links["tap"].index, Change(master=links[BRIDGE].index))
    one.standin.delete_host_iface("e1", PORT)
    assert BRIDGE in one.links()
    assert one.world()["tables"] == {BRIDGE: "shut"}


def test_another_segment_takes_another_bridge(one: Host) -> None:
    one.standin.create_host_iface("e1", PORT, [], VLAN)
    one.standin.create_host_iface("e1", PORT, [], TUNNEL)
    links = one.links()
    assert BRIDGE not in links
    assert links[END].master == links[bridge_name("vxlan 5")].index


def test_a_pair_whose_namespace_has_ended_is_made_anew(one: Host) -> None:
    one.ports.plug(PORT, [], TUNNEL, "amphora", "vip0")
    before = one.links()[END].index
    with one.igb.world() as world:
        # gone, and the kernel has not yet taken the pair apart
        del world["namespaces"]["amphora"]
    one.standin.create_host_iface("e1", PORT, [], TUNNEL)
    assert one.links()[END].index != before
    assert INNER in one.links()


def test_after_a_reboot_it_is_made_anew(one: Host) -> None:
    one.standin.create_host_iface("e1", PORT, [], VLAN)
    one.igb.links.delete(END)
    one.boot = "two"
    one.standin.create_host_iface("e1", PORT, [], VLAN)
    assert INNER in one.links()
    found = one.standin.claim(PORT["id"])
    assert found is not None
    assert found.boot == "two"


def test_a_port_that_is_off_carries_nothing(one: Host) -> None:
    one.standin.create_host_iface("e1", PORT | {"admin_state_up": False}, [], VLAN)
    assert not one.links()[END].up


def test_where_stand_ins_are_not_allowed(tmp_path: Any) -> None:
    strict = host(tmp_path, standin=False)
    with pytest.raises(ProviderError, match=r"\[port_driver\] standin") as caught:
        strict.standin.create_host_iface("e1", PORT, [], TUNNEL)
    assert caught.value.reason.code is Code.CONFIGURATION
    assert strict.standin.claim(PORT["id"]) is None


def test_an_end_that_goes_away_meanwhile_is_told_of(
    one: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StandinDriver, "_host_end", lambda self, claim: None)
    with pytest.raises(ProviderError, match="was taken away") as caught:
        one.standin.create_host_iface("e1", PORT, [], VLAN)
    assert caught.value.retriable


@pytest.mark.parametrize("segment", ["physnet1 0", "vxlan 16777215", "a-very-long-physical-net 7"])
def test_names_fit_into_an_interface(segment: str) -> None:
    assert len(bridge_name(segment)) <= 15
    assert bridge_name(segment) != bridge_name(segment + "1")
    assert len(END) <= 15
