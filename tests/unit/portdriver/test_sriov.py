"""VFs for ports, and back."""

from __future__ import annotations

import dataclasses
import errno
from pathlib import Path
from typing import Any

import pytest

from sriov_provider.errors import Code, ProviderError
from sriov_provider.portdriver.card import VfChange
from sriov_provider.portdriver.claims import Claim
from sriov_provider.portdriver.kernel import Change, NamespaceGoneError, RefusedError
from sriov_provider.portdriver.wish import Wish
from tests.unit.portdriver.stage import FLAT, MAC, OTHER, PORT, VLAN, Host, host

VF0, VF1 = "0000:01:10.0", "0000:01:10.1"


def card(one: Host) -> dict[str, Any]:
    """The VFs and their interfaces, without what only counts upwards."""
    world = one.world()
    links = sorted((x["name"], x["mac"], x["mtu"], x["up"]) for x in world["links"].values())
    return {"pfs": world["pfs"], "links": links}


def test_an_interface_is_made_once_and_named(one: Host) -> None:
    for _ in range(2):
        assert one.sriov.create_host_iface("e1", PORT, [], VLAN) == (VF0, "")
    assert one.sriov.get_container_iface_name(PORT) == "eth3"
    assert one.links()["eth3"].mac == MAC
    assert one.igb.state("ens1", 0).vlan == (101, 0, 0x8100)
    assert one.sriov.create_host_iface("e2", OTHER, [], VLAN) == (VF1, "")


def test_deleting_puts_everything_back(one: Host) -> None:
    before = card(one)
    one.sriov.create_host_iface("e1", PORT, [], VLAN)
    assert card(one) != before
    for device in (VF0, ""):
        assert one.sriov.delete_host_iface("e1", PORT) == (device, "")
    assert card(one) == before


def test_an_interface_is_fetched_from_wherever_it_was_put(one: Host) -> None:
    before = card(one)
    one.sriov.create_host_iface("e1", PORT, [], VLAN)
    one.igb.links.move(one.links()["eth3"].index, "eth0", None, "other")
    with pytest.raises(ProviderError, match="no interface in the host's namespace") as caught:
        one.sriov.get_container_iface_name(PORT)
    assert caught.value.reason.code is Code.NOT_FOUND
    one.sriov.delete_host_iface("e1", PORT)
    assert card(one) == before


def test_an_interface_comes_back_from_a_namespace_that_has_ended(one: Host) -> None:
    before = card(one)
    one.sriov.create_host_iface("e1", PORT, [], VLAN)
    one.igb.links.move(one.links()["eth3"].index, "ens1", None, "other")
    one.igb.drop_namespace("other")
    one.sriov.delete_host_iface("e1", PORT)
    assert card(one) == before


def test_no_free_vf_names_who_holds_them(one: Host) -> None:
    one.sriov.create_host_iface("e1", PORT, [], VLAN)
    one.igb.links.move(one.links()["eth4"].index, "x", None, "other")
    with pytest.raises(ProviderError) as caught:
        one.sriov.create_host_iface("e2", OTHER, [], VLAN)
    assert caught.value.reason.code is Code.NO_VF
    told = caught.value.reason.operator
    assert "physnet1 has no free VF on this host (ens1 with 2 VFs of 7)" in told
    assert f"{VF0}: port {PORT['id']}; {VF1}: somebody else" in told


def test_a_failure_leaves_nothing(one: Host) -> None:
    before = card(one)
    with pytest.raises(ProviderError):
        one.sriov.create_host_iface("e1", PORT, [], VLAN | {"qinq": True})
    assert card(one) == before
    assert one.sriov.claim(PORT["id"]) is None


def test_a_failure_of_a_port_that_has_a_vf_leaves_it_that(one: Host) -> None:
    one.sriov.create_host_iface("e1", PORT, [], VLAN)
    with pytest.raises(ProviderError):
        one.sriov.create_host_iface("e1", PORT, [], VLAN | {"qinq": True})
    found = one.sriov.claim(PORT["id"])
    assert found is not None
    assert found.device == VF0


def test_another_address_takes_a_fresh_start(one: Host) -> None:
    one.sriov.create_host_iface("e1", PORT, [], VLAN)
    changed = PORT | {"mac_address": "fa:16:3e:00:00:77"}
    one.sriov.create_host_iface("e1", changed, [], FLAT)
    assert one.igb.state("ens1", 0).mac == "fa:16:3e:00:00:77"
    assert one.igb.state("ens1", 0).vlan == (0, 0, 0x8100)
    one.sriov.delete_host_iface("e1", changed)
    assert one.links()["eth3"].mac == "0a:00:00:00:00:01"


def test_a_reboot_has_put_the_vf_back_itself(one: Host) -> None:
    one.sriov.create_host_iface("e1", PORT, [], VLAN)
    one.igb.change("ens1", 0, VfChange(mac="00:00:00:00:00:00", vlan=(0, 0, 0x8100)))
    one.igb.links.change(one.links()["eth3"].index, _mac("0a:00:00:00:00:55"))
    one.boot = "two"
    after = card(one)
    one.sriov.delete_host_iface("e1", PORT)
    assert card(one) == after, "the address of before the reboot is not the VF's any more"
    assert one.sriov.claim(PORT["id"]) is None


def test_a_port_of_before_a_reboot_gets_a_vf_anew(one: Host) -> None:
    one.sriov.create_host_iface("e1", PORT, [], VLAN)
    one.boot = "two"
    one.sriov.create_host_iface("e1", PORT, [], VLAN)
    found = one.sriov.claim(PORT["id"])
    assert found is not None
    assert found.boot == "two"


def test_a_vf_that_is_gone_is_forgotten(one: Host) -> None:
    one.sriov.create_host_iface("e1", PORT, [], VLAN)
    with one.igb.world() as world:
        del world["pfs"]["ens1"]
    with pytest.raises(ProviderError, match="has no free VF") as caught:
        one.sriov.create_host_iface("e1", PORT, [], VLAN)
    assert (caught.value.reason.code, caught.value.retriable) == (Code.NO_VF, True)
    assert one.machine.claims.all() == ()
    one.sriov.delete_host_iface("e1", PORT)


def test_another_vf_takes_the_place_of_one_that_is_gone(tmp_path: Path) -> None:
    two = host(tmp_path, {"ens1": 1, "ens2": 1})
    two.sriov.create_host_iface("e1", PORT, [], VLAN)
    with two.igb.world() as world:
        del world["pfs"]["ens1"]
        world["links"] = {i: x for i, x in world["links"].items() if x["parent"] != VF0}
    for _ in range(2):
        assert two.sriov.create_host_iface("e1", PORT, [], VLAN) == ("0000:02:10.0", "")
    assert [claim.device for claim in two.machine.claims.all()] == ["0000:02:10.0"]


def test_a_vf_that_goes_away_while_it_is_set_up(one: Host) -> None:
    driver = one.sriov
    take = driver._take

    def taken(wish: Wish) -> Claim:
        claim = take(wish)
        with one.igb.world() as world:
            del world["pfs"]["ens1"]
        return claim

    driver._take = taken  # type: ignore[method-assign]
    with pytest.raises(ProviderError, match="went away") as caught:
        driver.create_host_iface("e1", PORT, [], VLAN)
    assert caught.value.reason.code is Code.NO_VF
    assert one.machine.claims.all() == ()


def test_a_vf_somebody_else_has_chosen(one: Host) -> None:
    profile = {"pci_slot": VF1, "physical_network": "physnet1"}
    port = PORT | {"binding:profile": profile, "binding:vif_details": {"vlan": "0"}}
    assert one.sriov.create_host_iface("e1", port, [], None) == (VF1, "")


def test_a_network_that_hides_its_physical_network(one: Host) -> None:
    with pytest.raises(ProviderError, match="shows no provider:physical_network") as caught:
        one.sriov.create_host_iface("e1", PORT, [], {"id": "n1"})
    assert caught.value.reason.code is Code.CONFIGURATION


def test_a_vf_without_a_namespace_but_with_a_kernel_that_names_no_parents(one: Host) -> None:
    before = card(one)
    one.sriov.create_host_iface("e1", PORT, [], VLAN)
    index = one.links()["eth3"].index
    one.igb.links.move(index, "eth0", None, "other")
    links = one.igb.links
    everything = links.all("other")
    assert everything[0].parent == VF0
    machine = one.machine
    blind = _Blind(machine.links)
    driver = type(one.sriov)(one.settings, _with(machine, blind))
    driver.delete_host_iface("e1", PORT)
    assert card(one) == before


class _Blind:
    """Links of a kernel before 5.14."""

    def __init__(self, links: Any) -> None:
        self._links = links

    def __getattr__(self, name: str) -> Any:
        return getattr(self._links, name)

    def all(self, *given: Any, **named: Any) -> Any:
        return tuple(_with(link, None, "parent") for link in self._links.all(*given, **named))


def _with(thing: Any, value: Any, field: str = "links") -> Any:
    return dataclasses.replace(thing, **{field: value})


def _mac(mac: str) -> Any:
    return Change(mac=mac)


def test_the_pools_of_two_networks(tmp_path: Path) -> None:
    two = host(
        tmp_path,
        {"ens1": 1, "ens2": 1},
        mappings=(("physnet1", "ens1"), ("physnet2", "ens2")),
    )
    other = VLAN | {"provider:physical_network": "physnet2"}
    assert two.sriov.create_host_iface("e1", PORT, [], other)[0] == "0000:02:10.0"
    assert two.sriov.create_host_iface("e2", OTHER, [], VLAN)[0] == "0000:01:10.0"


def test_what_an_update_of_the_port_asks_for(one: Host) -> None:
    told = one.sriov.update_port(PORT, "e1", "fa:16:3e:00:00:05", tags=False)
    assert told["mac_address"] == "fa:16:3e:00:00:05"
    assert (told["device_id"], told["name"]) == ("e1", "e1-port")
    assert told["binding:host_id"]
    kept = one.sriov.update_port(PORT | {"device_id": "mine", "name": "x"}, "e1")
    assert (kept["device_id"], kept["name"]) == ("mine", "x")
    assert kept["mac_address"] == PORT["mac_address"]


class _Ending:
    """Links of a host on which a namespace ends at the moment something is moved out of it."""

    def __init__(self, one: Host, error: Exception, gone: bool = True) -> None:
        self._one, self._error, self._gone = one, error, gone

    def __getattr__(self, name: str) -> Any:
        return getattr(self._one.igb.links, name)

    def move(self, *given: Any) -> None:
        if self._gone:
            self._one.igb.drop_namespace("other")
        raise self._error


@pytest.mark.parametrize(
    "error", [NamespaceGoneError("other"), RefusedError("no", errno.ENODEV, "gone")]
)
def test_a_namespace_that_ends_while_the_vf_is_fetched(one: Host, error: Exception) -> None:
    before = card(one)
    one.sriov.create_host_iface("e1", PORT, [], VLAN)
    one.igb.links.move(one.links()["eth3"].index, "eth0", None, "other")
    driver = type(one.sriov)(one.settings, _with(one.machine, _Ending(one, error)))
    driver.delete_host_iface("e1", PORT)
    assert card(one) == before


def test_another_refusal_is_told(one: Host) -> None:
    one.sriov.create_host_iface("e1", PORT, [], VLAN)
    one.igb.links.move(one.links()["eth3"].index, "eth0", None, "other")
    error = RefusedError("no", errno.EPERM, "not permitted")
    driver = type(one.sriov)(one.settings, _with(one.machine, _Ending(one, error, gone=False)))
    with pytest.raises(RefusedError):
        driver.delete_host_iface("e1", PORT)
    assert one.sriov.claim(PORT["id"]) is not None
