"""Ports of a host: in, out, and put right."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from sriov_provider import vnic
from sriov_provider.errors import Code, ProviderError
from sriov_provider.portdriver.base import Plugged, Report
from sriov_provider.portdriver.card import ZERO, VfChange
from sriov_provider.portdriver.host import HostPorts
from sriov_provider.portdriver.kernel import Change, Link
from tests.unit.portdriver.igb import INIT
from tests.unit.portdriver.stage import MAC, OTHER, PORT, TUNNEL, VLAN, Host, host
from tests.unit.portdriver.test_sriov import VF0, VF1, card

P1, P2 = str(PORT["id"]), str(OTHER["id"])
ON_VF = Plugged(P1, MAC, VF0, "sriov", "amphora", "vip0")
STANDIN = "svh11111111-00"

NETWORKS = pytest.mark.parametrize("network", [VLAN, TUNNEL], ids=["vf", "standin"])


def plug(one: Host, network: dict[str, Any] = VLAN, **given: Any) -> Plugged:
    return one.ports.plug(PORT | given, [], network, "amphora", "vip0")


def test_a_mapped_network_gets_a_vf(one: Host) -> None:
    for _ in range(2):
        assert plug(one) == ON_VF
    link = one.links("amphora")["vip0"]
    assert (link.mac, link.mtu, link.up) == (MAC, 1400, False)
    assert one.ports.plugged() == (ON_VF,)


def test_another_network_gets_a_stand_in(one: Host) -> None:
    found = plug(one, TUNNEL)
    assert found == Plugged(P1, MAC, STANDIN, "standin", "amphora", "vip0")
    link = one.links("amphora")["vip0"]
    assert (link.mac, link.mtu, link.up) == (MAC, 1450, False)


@pytest.mark.parametrize("mapped", [True, False])
def test_an_unmapped_network_without_stand_ins_names_the_mapping(
    tmp_path: Path, mapped: bool
) -> None:
    strict = host(tmp_path, {"ens1": 2} if mapped else {}, standin=False)
    with pytest.raises(ProviderError) as caught:
        plug(strict, VLAN | {"provider:physical_network": "physnet9"})
    assert caught.value.reason.code is Code.CONFIGURATION
    told = "physnet1:ens1" if mapped else "nothing"
    assert (
        f"physical network physnet9 is not in [port_driver] physical_device_mappings ({told})"
        in (caught.value.reason.operator)
    )


KINDS = [*vnic.KINDS, *vnic.REFUSED, "of-a-later-release"]


@pytest.mark.parametrize("kind", sorted({*KINDS} - {"normal", "direct", "macvtap"}))
@NETWORKS
def test_other_kinds_are_refused(one: Host, kind: str, network: dict[str, Any]) -> None:
    before = card(one)
    with pytest.raises(ProviderError) as caught:
        plug(one, network, **{"binding:vnic_type": kind})
    assert caught.value.reason.code is Code.UNSUPPORTED
    told = f"port {P1} is of kind {kind}; without Nova are plugged: direct, macvtap, normal"
    assert caught.value.reason.operator == told
    assert card(one) == before


@pytest.mark.parametrize("kind", ["direct", "macvtap"])
@pytest.mark.parametrize("vif_type", [None, "unbound", "binding_failed", "hw_veb"])
def test_a_vf_of_the_cards_own_switch_is_plugged(one: Host, kind: str, vif_type: str) -> None:
    plug(one, **{"binding:vnic_type": kind, "binding:vif_type": vif_type})
    assert one.ports.plugged() == (ON_VF,)


@pytest.mark.parametrize("vif_type", ["ovs", "agilio_ovs", "vrouter", "hostdev"])
@NETWORKS
def test_a_vf_that_is_bound_to_a_virtual_switch_is_refused(
    one: Host, vif_type: str, network: dict[str, Any]
) -> None:
    bound = {
        "binding:vnic_type": "direct",
        "binding:vif_type": vif_type,
        "binding:vif_details": {"port_filter": True},
    }
    with pytest.raises(ProviderError, match=f"is bound as {vif_type}") as caught:
        plug(one, network, **bound)
    assert caught.value.reason.code is Code.UNSUPPORTED
    assert one.machine.claims.all() == ()


@NETWORKS
def test_unplugging_leaves_nothing(one: Host, network: dict[str, Any]) -> None:
    before = card(one)
    plug(one, network)
    for _ in range(2):
        one.ports.unplug(P1)
    assert card(one) == before
    assert one.ports.plugged() == ()
    assert one.world()["tables"] == {}


def test_a_namespace_that_is_not_there_is_told_of_before_anything_is_done(one: Host) -> None:
    before = card(one)
    with pytest.raises(ProviderError, match="network namespace nowhere: gone") as caught:
        one.ports.plug(PORT, [], VLAN, "nowhere", "vip0")
    assert caught.value.reason.code is Code.NOT_FOUND
    assert card(one) == before


class _Vanishing:
    """Links of a host on which a namespace ends as soon as somebody looks into it."""

    def __init__(self, one: Host) -> None:
        self._one = one

    def __getattr__(self, name: str) -> Any:
        return getattr(self._one.igb.links, name)

    def all(self, namespace: Any = None, addresses: bool = False) -> Any:
        if namespace == "amphora" and self._one.igb.links.identity(namespace):
            self._one.igb.drop_namespace("amphora")
        return self._one.igb.links.all(namespace, addresses)


@NETWORKS
def test_a_namespace_that_ends_meanwhile_leaves_nothing(one: Host, network: dict[str, Any]) -> None:
    before = card(one)
    machine = dataclasses.replace(one.machine, links=_Vanishing(one))
    with pytest.raises(ProviderError, match="network namespace amphora is gone") as caught:
        HostPorts(one.settings, machine).plug(PORT, [], network, "amphora", "vip0")
    assert caught.value.reason.code is Code.NOT_FOUND
    assert card(one) == before
    assert one.machine.claims.all() == ()


@NETWORKS
def test_a_namespace_that_ends_while_its_port_is_plugged_again(
    one: Host, network: dict[str, Any]
) -> None:
    plug(one, network)
    machine = dataclasses.replace(one.machine, links=_Vanishing(one))
    with pytest.raises(ProviderError, match="network namespace amphora is gone") as caught:
        HostPorts(one.settings, machine).plug(PORT, [], network, "amphora", "vip0")
    assert caught.value.reason.code is Code.NOT_FOUND
    assert one.ports.plugged() == ()
    assert one.ports.reconcile([P1]).lost == (P1,)


def test_a_name_that_is_taken_inside_leaves_nothing(one: Host) -> None:
    plug(one)
    before = card(one)
    with pytest.raises(ProviderError):
        one.ports.plug(OTHER, [], VLAN, "amphora", "vip0")
    assert card(one) == before
    assert [p.port_id for p in one.ports.plugged()] == [P1]


def test_another_name_is_a_rename(one: Host) -> None:
    plug(one)
    one.ports.plug(PORT, [], VLAN, "amphora", "eth1")
    assert list(one.links("amphora")) == ["eth1"]


@NETWORKS
def test_another_namespace_is_a_move(one: Host, network: dict[str, Any]) -> None:
    plug(one, network)
    one.ports.plug(PORT, [], network, "other", "vip0")
    assert one.links("amphora") == {}
    assert one.links("other")["vip0"].mac == MAC


@NETWORKS
def test_a_namespace_of_the_same_name_is_another(one: Host, network: dict[str, Any]) -> None:
    plug(one, network)
    one.igb.drop_namespace("amphora")
    one.igb.add_namespace("amphora")
    assert one.ports.plugged() == ()
    plug(one, network)
    assert one.links("amphora")["vip0"].mac == MAC
    assert len(one.ports.plugged()) == 1


def test_an_interface_that_was_moved_on_inside_is_still_plugged(one: Host) -> None:
    # The agent has put it into a namespace of the amphora's own.
    plug(one)
    one.igb.links.move(one.links("amphora")["vip0"].index, "eth1", "amphora", "other")
    assert one.ports.plugged() == (ON_VF,)
    assert plug(one) == ON_VF
    assert list(one.links("other")) == ["eth1"]
    one.ports.unplug(P1)
    assert one.links("other") == {}
    assert "eth3" in one.links()


# the host itself, as a place for a port


def leg(one: Host, network: dict[str, Any] = VLAN) -> Plugged:
    return one.ports.plug(PORT, [], network, INIT, "mgmt0")


def up_with(one: Host, name: str) -> Link:
    """Somebody has brought it up."""
    one.igb.links.change(one.links()[name].index, Change(up=True))
    return one.links()[name]


@NETWORKS
def test_a_port_of_the_host_itself_stays_up(one: Host, network: dict[str, Any]) -> None:
    before = card(one)
    made = leg(one, network)
    link = up_with(one, "mgmt0")
    assert (link.mac, made.namespace, made.name) == (MAC, INIT, "mgmt0")
    assert one.ports.plugged() == (made,)
    assert one.ports.reconcile([P1]) == Report(kept=(P1,))
    assert leg(one, network) == made
    assert one.links()["mgmt0"] == link
    one.ports.unplug(P1)
    assert card(one) == before


@NETWORKS
@pytest.mark.parametrize("change", [Change(name="other"), Change(mac="02:00:00:00:00:99")])
def test_a_port_of_the_host_that_somebody_has_changed_is_not_plugged(
    one: Host, network: dict[str, Any], change: Change
) -> None:
    leg(one, network)
    if change.mac:
        # a PF insists on its own
        one.igb.change("ens1", 0, VfChange(mac=ZERO))
    one.igb.links.change(one.links()["mgmt0"].index, change)
    assert one.ports.plugged() == ()
    assert one.ports.reconcile([P1]).lost == (P1,)
    leg(one, network)
    assert [p.name for p in one.ports.plugged()] == ["mgmt0"]


def test_a_port_of_the_host_gets_what_has_changed(one: Host) -> None:
    leg(one)
    link = up_with(one, "mgmt0")
    network = VLAN | {"provider:segmentation_id": 102}
    one.ports.plug(PORT, [], network, INIT, "mgmt0")
    assert one.igb.state("ens1", 0).vlan[0] == 102
    assert one.links()["mgmt0"] == link


def test_a_port_of_the_host_after_a_reboot(one: Host) -> None:
    leg(one)
    one.boot = "two"
    assert one.ports.reconcile([P1]).lost == (P1,)
    leg(one)
    assert [p.name for p in one.ports.plugged()] == ["mgmt0"]


def test_a_mapping_that_was_made_since_turns_a_stand_in_into_a_vf(one: Host) -> None:
    unmapped = Host(one.igb, type(one.settings)((), one.settings.state_path, standin=True))
    assert plug(unmapped).driver == "standin"
    assert plug(one).driver == "sriov"
    assert not [name for name in one.links() if name.startswith("sv")]
    assert [p.driver for p in one.ports.plugged()] == ["sriov"]


# reconciliation


def test_what_is_well_is_let_alone(one: Host) -> None:
    plug(one)
    one.ports.plug(OTHER, [], TUNNEL, "other", "vip0")
    before = card(one)
    assert one.ports.reconcile([P1, P2]) == Report(kept=(P1, P2))
    assert card(one) == before


def test_what_nobody_wants_is_released(one: Host) -> None:
    before = card(one)
    plug(one)
    one.ports.plug(OTHER, [], TUNNEL, "other", "vip0")
    assert one.ports.reconcile(["somebody-else"]) == Report(released=(P1, P2))
    assert card(one) == before


@NETWORKS
def test_what_was_in_a_namespace_that_ended_is_lost(one: Host, network: dict[str, Any]) -> None:
    before = card(one)
    plug(one, network)
    one.igb.drop_namespace("amphora")
    assert one.ports.reconcile([P1]) == Report(lost=(P1,))
    assert card(one) == before


def test_after_a_reboot_all_is_lost(one: Host) -> None:
    plug(one)
    one.boot = "two"
    one.igb.drop_namespace("amphora")
    assert one.ports.plugged() == ()
    assert one.ports.reconcile([P1]) == Report(lost=(P1,), foreign=(_away(VF0),))
    assert one.sriov.claim(P1) is None


def test_a_claim_without_a_vf_is_lost(one: Host) -> None:
    plug(one)
    with one.igb.world() as world:
        world["pfs"]["ens1"]["vfs"].pop(0)
    assert one.ports.reconcile([P1]).lost == (P1,)
    assert one.ports.plugged() == ()


def test_a_vf_somebody_took_without_a_claim_is_told_of(one: Host) -> None:
    one.igb.links.move(one.links()["eth4"].index, "x", None, "other")
    assert one.ports.reconcile([]) == Report(foreign=(_away(VF1),))
    assert list(one.links("other")) == ["x"]


def test_a_stand_in_without_a_claim_is_told_of(one: Host) -> None:
    plug(one, TUNNEL)
    one.machine.claims.remove(STANDIN)
    report = one.ports.reconcile([P1])
    assert report == Report(foreign=(f"{STANDIN}: a stand-in without a claim",))
    plug(one, TUNNEL)
    assert one.ports.reconcile([P1]).kept == (P1,)


def test_a_vf_whose_claim_cannot_be_read_starts_afresh(one: Host) -> None:
    one.sriov.create_host_iface("e1", PORT, [], VLAN)
    _damage(one, VF0)
    with pytest.raises(ProviderError, match="a claim that cannot be read"):
        one.ports.plug(PORT | {"binding:profile": {"pci_slot": VF0}}, [], VLAN, "other", "vip0")
    assert one.ports.reconcile([]) == Report()
    assert not one.world()["pfs"]["ens1"]["vfs"][0]["pf_set"]
    assert one.igb.state("ens1", 0).mac != MAC
    assert one.igb.state("ens1", 0).vlan == (0, 0, 0x8100)
    assert MAC not in {link.mac for link in one.links().values()}
    assert one.machine.claims.unreadable() == ()


def test_a_vf_in_use_whose_claim_cannot_be_read_is_let_alone(one: Host) -> None:
    plug(one)
    _damage(one, VF0)
    assert one.ports.reconcile([]) == Report(foreign=(f"{VF0}: a claim that cannot be read",))
    assert list(one.links("amphora")) == ["vip0"]


def test_a_claim_of_nothing_that_cannot_be_read_is_dropped(one: Host) -> None:
    one.standin.create_host_iface("e1", PORT, [], TUNNEL)
    _damage(one, "0000:09:00.1")
    _damage(one, STANDIN)
    assert one.ports.reconcile([]) == Report()
    assert one.machine.claims.unreadable() == ()
    assert STANDIN not in one.links()


def test_a_stand_in_in_use_whose_claim_cannot_be_read_is_let_alone(one: Host) -> None:
    plug(one, TUNNEL)
    _damage(one, STANDIN)
    report = one.ports.reconcile([])
    assert report == Report(foreign=(f"{STANDIN}: a claim that cannot be read",))
    assert list(one.links("amphora")) == ["vip0"]
    plug(one, TUNNEL)
    assert one.ports.reconcile([P1]) == Report(kept=(P1,))


def test_a_claim_that_names_another_device_harms_neither(one: Host) -> None:
    plug(one)
    one.ports.plug(OTHER, [], VLAN, "other", "vip0")
    lies = one.settings.state_path / f"{VF1}.json"
    (one.settings.state_path / f"{VF0}.json").write_text(lies.read_text())
    report = one.ports.reconcile([P1, P2])
    assert report == Report(kept=(P2,), foreign=(f"{VF0}: a claim that cannot be read",))
    assert list(one.links("amphora")) == list(one.links("other")) == ["vip0"]


def test_a_claim_of_nobodys_device_is_told_of(one: Host) -> None:
    one.sriov.create_host_iface("e1", PORT, [], VLAN)
    _damage(one, "ens1")
    for _ in range(2):
        assert one.ports.reconcile([]) == Report(foreign=("ens1: a claim that cannot be read",))
    assert "ens1" in one.links()


def test_a_claim_that_cannot_be_mended_holds_up_no_other(one: Host) -> None:
    plug(one, qos_policy={"rules": [{"type": "bandwidth_limit", "max_kbps": 20_000}]})
    one.igb.links.move(one.links("amphora")["vip0"].index, "eth3", "amphora", None)
    _damage(one, VF0)
    _damage(one, STANDIN)
    with one.igb.world() as world:
        world["pfs"]["ens1"]["link"] = False
    report = one.ports.reconcile([])
    assert [told.split(": ")[0] for told in report.foreign] == [VF0]
    assert one.machine.claims.unreadable() == (VF0,)


def test_one_that_is_stuck_holds_up_no_other(one: Host, impatient: None) -> None:
    plug(one)
    one.ports.plug(OTHER, [], VLAN, "other", "vip0")
    with one.igb.world() as world:
        # somebody has given the VF to a virtual machine
        world["links"] = {i: x for i, x in world["links"].items() if x["parent"] != VF0}
        world["pfs"]["ens1"]["vfs"][0]["driver"] = "vfio-pci"
    report = one.ports.reconcile([])
    assert report.released == (P2,)
    (stuck,) = report.foreign
    assert stuck.startswith(f"{VF0}: VF {VF0} of ens1 has no interface on the host")
    assert one.sriov.claim(P1) is not None


def test_interfaces_of_a_container_engine_are_let_alone(one: Host) -> None:
    one.sriov.create_host_iface("endpoint", PORT, [], VLAN)
    assert one.ports.reconcile([]) == Report()
    assert one.sriov.claim(P1) is not None
    one.boot = "two"
    assert one.ports.reconcile([]).released == (P1,)


def test_an_endpoint_takes_along_nothing_but_its_own(one: Host) -> None:
    one.sriov.create_host_iface("endpoint", PORT, [], VLAN)
    one.ports.unplug_endpoint("other", P1)
    assert one.sriov.claim(P1) is not None
    one.ports.unplug_endpoint("endpoint", P1)
    assert one.sriov.claim(P1) is None

    one.sriov.create_host_iface("endpoint", PORT, [], VLAN)
    plug(one)
    one.ports.unplug_endpoint("endpoint", P1)
    assert [p.port_id for p in one.ports.plugged()] == [P1]


def test_an_endpoint_that_got_no_further_is_taken_back(one: Host) -> None:
    one.sriov.create_host_iface("endpoint", PORT, [], VLAN)
    claim = one.sriov.claim(P1)
    assert claim is not None
    one.machine.claims.write(dataclasses.replace(claim, endpoint=""))
    one.ports.unplug_endpoint("endpoint", P1)
    assert one.sriov.claim(P1) is None


def test_limits_and_links(one: Host) -> None:
    policy = {"rules": [{"type": "bandwidth_limit", "max_kbps": 20_000}]}
    plug(one, qos_policy=policy)
    assert one.igb.state("ens1", 0).rates == (0, 20)
    one.ports.unplug(P1)
    assert one.igb.state("ens1", 0).rates == (0, 0)


def test_a_release_that_fails_is_done_by_the_next(one: Host) -> None:
    before = card(one)
    plug(one, qos_policy={"rules": [{"type": "bandwidth_limit", "max_kbps": 20_000}]})
    with one.igb.world() as world:
        world["pfs"]["ens1"]["link"] = False
    with pytest.raises(ProviderError):
        one.ports.unplug(P1)
    assert one.ports.plugged() == ()
    with one.igb.world() as world:
        world["pfs"]["ens1"]["link"] = True
    one.ports.unplug(P1)
    assert card(one) == before


def test_nothing_is_made_by_looking(tmp_path: Path) -> None:
    made = host(tmp_path)
    ports = HostPorts(made.settings, made.machine)
    assert ports.plugged() == ()
    assert not made.settings.state_path.exists()


def test_an_administrative_address_survives(one: Host) -> None:
    one.igb.change("ens1", 0, VfChange(mac="02:00:00:00:00:77"))
    one.igb.rebind(VF0)
    before = one.igb.state("ens1", 0)
    assert before.mac == "02:00:00:00:00:77"
    plug(one)
    one.ports.unplug(P1)
    assert one.igb.state("ens1", 0) == before


def _away(address: str) -> str:
    return f"{address}: somebody else: driver igbvf, no interface on the host"


def _damage(one: Host, device: str) -> None:
    (one.settings.state_path / f"{device}.json").write_text("{")
