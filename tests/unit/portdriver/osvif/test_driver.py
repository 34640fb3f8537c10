"""The driver's way through a made-up host; what os-vif does is written down only."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from sriov_provider.cloud_errors import cloud_error
from sriov_provider.errors import Code, ProviderError
from sriov_provider.portdriver.base import OSVIF, SRIOV, STANDIN, Report
from sriov_provider.portdriver.host import HostPorts
from sriov_provider.portdriver.kernel import Links
from sriov_provider.portdriver.osvif.driver import SwitchDriver
from tests.fakes.bound_ports import CASES, NETWORK, PCI, PORT_ID, SUBNETS, Case, fields
from tests.unit.portdriver.stage import TUNNEL, VLAN, Host, host

BY_NAME = {case.name: case for case in CASES}
FAILED = Case("failed", "binding_failed", "normal", {}, None)
UNBOUND = Case("unbound", "unbound", "normal", {}, None)
MAC = "fa:16:3e:12:34:56"
OUTER, INNER = "tap7d9b2c1e-4f", "amp7d9b2c1e-4f"


@dataclasses.dataclass
class Plugs:
    """:ivar plugged: ids of ports, in the order of what was done; ``-`` for taken back"""

    links: Links
    done: list[str] = dataclasses.field(default_factory=list)
    last: Any = None
    broken: bool = False

    def plug(self, vif: Any, instance: Any) -> None:
        self._do(vif, instance, vif.id)
        if "bridge_name" in vif and vif.bridge_name.startswith("qbr"):
            self.links.add_bridge(vif.bridge_name, "")

    def unplug(self, vif: Any, instance: Any) -> None:
        self._do(vif, instance, f"-{vif.id}")

    def _do(self, vif: Any, instance: Any, what: str) -> None:
        if self.broken:
            raise cloud_error("the switch is gone")
        self.done.append(what)
        self.last = (vif, instance)


@dataclasses.dataclass
class Switched:
    host: Host
    plugs: Plugs

    @property
    def driver(self) -> SwitchDriver:
        return SwitchDriver(self.host.settings, self.host.machine, self.plugs)

    def create(self, **more: Any) -> None:
        self.driver.create_host_iface("e-1", port(**more), SUBNETS, NETWORK)

    def delete(self) -> None:
        self.driver.delete_host_iface("e-1", {"id": PORT_ID})


def port(name: str = "ovs", **more: Any) -> dict[str, Any]:
    return BY_NAME[name].port() | more


@pytest.fixture
def switched(tmp_path: Path) -> Switched:
    made = host(tmp_path, osvif=True)
    return Switched(made, Plugs(made.igb.links))


def test_a_port_comes_and_goes(switched: Switched) -> None:
    before = set(switched.host.links())
    switched.create(device_id="4b1f0e6a-8d35-4a0c-b1de-3f7f2f1c9a10")
    links = switched.host.links()
    assert set(links) - before == {OUTER, INNER}
    assert (links[INNER].mac, links[INNER].mtu, links[INNER].up) == (MAC, 1442, False)
    assert (links[OUTER].mtu, links[OUTER].up) == (1442, True)
    assert switched.driver.get_container_iface_name(port()) == INNER
    vif, instance = switched.plugs.last
    assert (vif.vif_name, vif.bridge_name) == (OUTER, "br-int")
    assert instance.uuid == instance.name == "4b1f0e6a-8d35-4a0c-b1de-3f7f2f1c9a10"
    for _again in range(2):
        switched.delete()
    assert switched.plugs.done == [PORT_ID, f"-{PORT_ID}"]
    assert set(switched.host.links()) == before
    assert switched.host.machine.claims.all() == ()


def test_what_os_vif_was_told_is_told_again_at_the_end(switched: Switched) -> None:
    """Also where the port in Neutron is gone or unbound by then."""
    switched.create()
    told, _ = switched.plugs.last
    switched.delete()
    again, instance = switched.plugs.last
    assert fields(again) == fields(told)
    assert instance.uuid == PORT_ID  # an owner that is no UUID


def test_a_bridge_of_the_ports_own(switched: Switched) -> None:
    switched.create(**{"binding:vif_details": {"ovs_hybrid_plug": True}})
    links = switched.host.links()
    assert links[OUTER].master == links["qbr7d9b2c1e-4f"].index


def test_a_switch_that_is_gone(switched: Switched) -> None:
    switched.plugs.broken = True
    with pytest.raises(ProviderError, match="the switch is gone"):
        switched.create()
    # It may have heard of the port: that has to be taken back first.
    assert [claim.port_id for claim in switched.host.machine.claims.all()] == [PORT_ID]
    with pytest.raises(ProviderError, match="the switch is gone"):
        switched.delete()
    switched.plugs.broken = False
    switched.delete()
    assert switched.host.machine.claims.all() == ()


def test_after_a_reboot_it_is_plugged_anew(switched: Switched) -> None:
    switched.create()
    switched.host.igb.links.delete(OUTER)
    switched.host.boot = "two"
    switched.create()
    assert switched.plugs.done == [PORT_ID, PORT_ID]
    assert {OUTER, INNER} <= set(switched.host.links())
    (claim,) = switched.host.machine.claims.all()
    assert claim.boot == "two"


def test_a_claim_that_cannot_be_read_is_done_without(switched: Switched) -> None:
    switched.create()
    (path,) = switched.host.settings.state_path.glob("*.json")
    path.write_text("{")
    assert switched.host.ports.reconcile([]) == Report()
    assert OUTER not in switched.host.links()
    assert not path.exists()


def test_a_port_in_use_whose_claim_cannot_be_read_is_let_alone(switched: Switched) -> None:
    switched.create()
    links = switched.host.igb.links
    switched.host.igb.add_namespace("amphora")
    links.move(switched.host.links()[INNER].index, "eth1", None, "amphora")
    (path,) = switched.host.settings.state_path.glob("*.json")
    path.write_text("{")
    report = switched.host.ports.reconcile([])
    assert report == Report(foreign=(f"{OUTER}: a claim that cannot be read",))
    assert list(switched.host.links("amphora")) == ["eth1"]
    switched.create()
    assert [claim.port_id for claim in switched.host.machine.claims.all()] == [PORT_ID]


@pytest.mark.parametrize("name", ["ovs-direct", "vrouter-direct", "hw_veb", "vhostuser-vrouter"])
def test_only_a_pair_of_interfaces_is_its_business(switched: Switched, name: str) -> None:
    with pytest.raises(ProviderError, match="no port of a switch") as caught:
        switched.driver.create_host_iface("e-1", port(name), SUBNETS, NETWORK)
    assert caught.value.reason.code is Code.UNSUPPORTED
    assert switched.host.machine.claims.all() == ()


@pytest.mark.parametrize(
    ("case", "osvif", "name"),
    [
        (BY_NAME["ovs"], True, OSVIF),
        (BY_NAME["vrouter"], True, OSVIF),
        (BY_NAME["ovs"], False, STANDIN),
        (FAILED, False, STANDIN),
        (BY_NAME["hw_veb"], True, STANDIN),
        (BY_NAME["hw_veb-macvtap"], True, STANDIN),
        (Case("failed-direct", "binding_failed", "direct", {}, None), True, STANDIN),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_who_plugs_what(tmp_path: Path, case: Case, osvif: bool, name: str) -> None:
    made = host(tmp_path, osvif=osvif)
    tunnel = dict(NETWORK) | {"provider:network_type": "vxlan", "provider:physical_network": None}
    plain = case.port() | {"binding:profile": {"pci_slot": PCI}}
    assert HostPorts(made.settings, made.machine).driver(plain, tunnel).name == name


@pytest.mark.parametrize(
    ("case", "host_id", "network", "code"),
    [
        (FAILED, "here", TUNNEL, Code.BINDING_FAILED),
        (FAILED, "here", VLAN, Code.BINDING_FAILED),
        (UNBOUND, "here", VLAN, Code.BINDING_FAILED),
        (UNBOUND, "", TUNNEL, Code.BINDING_FAILED),
        (BY_NAME["vhostuser"], "here", VLAN, Code.UNSUPPORTED),
        (Case("bridge", "bridge", "normal", {}, None), "here", TUNNEL, Code.UNSUPPORTED),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_what_no_switch_has_becomes_nothing_else(
    switched: Switched, case: Case, host_id: str, network: dict[str, Any], code: Code
) -> None:
    """A stand-in would reach nobody, and a VF would hide that the switch does not work."""
    switched.host.igb.add_namespace("amphora")
    one = case.port() | {"binding:host_id": host_id}
    with pytest.raises(ProviderError) as caught:
        switched.host.ports.plug(one, SUBNETS, network, "amphora", "vip0")
    assert caught.value.reason.code is code
    assert switched.host.machine.claims.all() == ()


def test_a_port_nobody_has_asked_to_bind_is_a_vf_where_one_is_mapped(switched: Switched) -> None:
    """As the host's own on the management network."""
    assert switched.host.ports.driver(UNBOUND.port(), VLAN).name == SRIOV


def test_another_driver_is_unknown(tmp_path: Path) -> None:
    made = host(tmp_path)
    with pytest.raises(KeyError):
        HostPorts(made.settings, made.machine)._drivers["other"]
