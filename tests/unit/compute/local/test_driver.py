"""The compute driver and what it asks of Neutron."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sriov_provider import vnic
from sriov_provider.compute import drivers
from sriov_provider.compute.base import Compute, ServerSpec
from sriov_provider.compute.local.driver import LocalCompute, from_conf
from sriov_provider.compute.local.neutron import DEVICE_OWNER, Ports
from sriov_provider.compute.local.records import Amphora, Nic
from sriov_provider.config_local import Limits, Local
from sriov_provider.errors import Code, ProviderError
from sriov_provider.network.base import Port
from sriov_provider.portdriver import wish
from tests.fakes.neutron_rest import NeutronRest

SETTINGS = Local(flavors={"small": Limits(256, 1.0, 100)}, host="here")


class Shelf:
    """In place of a node: amphorae by id, and which of them run."""

    def __init__(self, *amphorae: Amphora) -> None:
        self.amphorae = {a.id: a for a in amphorae}
        self.dead: set[str] = set()
        self.gone: set[str] = set()
        self.records = self.processes = self

    def all(self) -> tuple[Amphora, ...]:
        return tuple(self.amphorae.values())

    def get(self, amphora_id: str) -> Amphora | None:
        return self.amphorae.get(amphora_id)

    def in_place(self, amphora_id: str, port_id: str) -> Nic | None:
        amphora = self.get(amphora_id)
        nic = amphora.nic(port_id) if amphora else None
        return nic if nic and nic.driver and port_id not in self.gone else None

    def running(self, amphora_id: str) -> bool:
        return amphora_id not in self.dead


def compute(*amphorae: Amphora) -> tuple[LocalCompute, Shelf]:
    made, shelf = LocalCompute(None, Any, SETTINGS), Shelf(*amphorae)
    made.__dict__["_node"] = shelf
    return made, shelf


def nic(port_id: str, **more: Any) -> Nic:
    port = {
        "id": port_id,
        "mac_address": "m",
        "fixed_ips": [{"subnet_id": "s", "ip_address": "192.0.2.7"}],
    }
    return Nic(0, port, {"id": "mgmt"}, ({"id": "s", "cidr": "192.0.2.0/24"},), **more)


def test_it_fits_the_contract_and_is_chosen_by_its_name(tmp_path: Path) -> None:
    from sriov_provider import config

    path = tmp_path / "octavia.conf"
    path.write_text("[sriov_provider]\ncompute_driver = local\n")
    conf = config.parse([str(path)])
    chosen: Compute = drivers.build(conf, Any)
    assert isinstance(chosen, LocalCompute) and drivers.fleet(conf, Any) is None
    assert isinstance(from_conf(conf, Any), LocalCompute)


def test_images_are_what_is_installed() -> None:
    image = compute()[0].image_id("amphora", None)
    assert image.startswith("local:octavia-") and "octavia-sriov-provider-" in image
    assert image == compute()[0].image_id("", "somebody")


def test_flavors_are_those_of_the_settings() -> None:
    local = compute()[0]
    local.check_flavor("small")
    local.check_flavor("")
    with pytest.raises(ProviderError) as caught:
        local.check_flavor("huge")
    assert caught.value.reason.code is Code.NOT_FOUND and "small" in caught.value.reason.operator


def test_one_host_keeps_nothing_apart() -> None:
    local = compute()[0]
    assert local.ensure_server_group("group", "soft-anti-affinity") == "group"
    local.delete_server_group("group")
    with pytest.raises(ProviderError) as caught:
        local.ensure_server_group("group", "anti-affinity")
    assert caught.value.reason.code is Code.UNSUPPORTED


def test_cloud_init_does_not_run() -> None:
    with pytest.raises(ProviderError, match="user_data_config_drive"):
        compute()[0].create_server(ServerSpec("amphora-1", "small", "i", ("mgmt",)))


def test_servers() -> None:
    amphora = Amphora("a", "amphora-1", image_id="i", built=True, nics=(nic("p", ours=True),))
    local, shelf = compute(amphora, Amphora("b", "amphora-2"))
    server = local.get_server("a")
    assert server is not None and local.find_server("amphora-1") == server
    assert (server.status, server.host, server.image_id, server.fault) == (
        "ACTIVE",
        "here",
        "i",
        None,
    )
    assert local.has_server("a") and not local.has_server("c")
    unfinished = local.get_server("b")
    assert unfinished is not None and unfinished.status == "ERROR"
    shelf.dead.add("a")
    ended = local.get_server("a")
    assert ended is not None and ended.status == "ERROR" and "ended" in str(ended.fault)
    shelf.dead.clear()
    shelf.amphorae["a"] = amphora.with_nic(nic("q", driver="sriov", device="0:1", lost=True))
    lame = local.get_server("a")
    assert lame is not None and lame.status == "ERROR"
    assert lame.fault == "port q has lost its interface 0:1"
    shelf.amphorae["d"] = Amphora("d", "", damage="no JSON")
    damaged = local.get_server("d")
    assert damaged is not None and damaged.status == "ERROR" and "no JSON" in str(damaged.fault)
    assert local.get_server("c") is None and local.find_server("amphora-3") is None
    assert local.management_ip("a", "mgmt") == "192.0.2.7"
    assert local.management_ip("a", "other") is None and local.management_ip("c", "mgmt") is None


@pytest.mark.parametrize(
    ("driver", "device", "slot"),
    [("sriov", "0000:81:02.3", "0000:81:02.3"), ("standin", "svh1", None)],
)
@pytest.mark.parametrize("vif_type", ["unbound", "binding_failed", "hw_veb"])
def test_what_is_plugged_is_in_place(
    driver: str, device: str, slot: str | None, vif_type: str
) -> None:
    amphora = Amphora("a", "amphora-1", nics=(nic("p", driver=driver, device=device),))
    local = compute(amphora)[0]
    port = Port("p", "", "n", "m", (), device_id="a", vif_type=vif_type)
    seen = local.read_back(port, "here")
    assert (seen.state, seen.filter) == (vnic.Binding.BOUND, vnic.Filter.AMPHORA)
    assert (seen.vif_type, seen.pci_slot) == (driver, slot)


@pytest.mark.parametrize("driver", ["sriov", "standin", "osvif"])
def test_what_the_host_has_no_more_is_not_in_place(driver: str) -> None:
    local, shelf = compute(Amphora("a", "amphora-1", nics=(nic("p", driver=driver),)))
    shelf.gone.add("p")
    port = Port("p", "", "n", "m", (), device_id="a", vif_type="ovs", host="here")
    assert local.read_back(port, "here").state is vnic.Binding.PENDING


@pytest.mark.parametrize("device", ["", "a", "c"])
def test_what_is_not_plugged_is_not(device: str) -> None:
    local = compute(Amphora("a", "amphora-1", nics=(nic("p"),)))[0]
    seen = local.read_back(Port("p", "", "n", "m", (), device_id=device), None)
    assert (seen.state, seen.filter) == (vnic.Binding.PENDING, vnic.Filter.UNKNOWN)


class Full:
    """A node whose disk is full."""

    def __getattr__(self, name: str) -> Any:
        def refuse(*_: object) -> None:
            raise OSError(28, "No space left on device")

        return refuse


def test_what_the_host_refuses_is_told() -> None:
    local = LocalCompute(None, Any, SETTINGS)
    local.__dict__["_node"] = Full()
    spec = ServerSpec("amphora-1", "small", "i", ("mgmt",), files={"/etc/x": ""})
    for verb in (
        local.start,
        lambda: local.create_server(spec),
        lambda: local.delete_server("a"),
        lambda: local.attach_port("a", "p"),
        lambda: local.detach_port("a", "p"),
    ):
        with pytest.raises(ProviderError, match="No space left on device") as caught:
            verb()
        assert caught.value.retriable


@pytest.fixture
def neutron() -> NeutronRest:
    made = NeutronRest()
    made.network("mgmt", "192.0.2.0/24", "2001:db8::/64")
    return made


def ports(neutron: NeutronRest, host: str | None = "here") -> Ports:
    made = Ports(Any, host)
    made._neutron = neutron  # type: ignore[assignment]
    return made


def test_a_port_is_taken_and_left(neutron: NeutronRest) -> None:
    port_id, ours = neutron.port("mgmt"), ports(neutron)
    for _ in range(2):
        port = ours.take(port_id, "a")
    assert port["device_id"] == "a" and neutron.ports[port_id]["device_owner"] == DEVICE_OWNER
    assert neutron.ports[port_id]["binding:host_id"] == "here"
    with pytest.raises(ProviderError) as caught:
        ours.take(port_id, "b")
    assert caught.value.reason.code is Code.PORT_BUSY
    ours.leave(port_id, "b")
    assert neutron.ports[port_id]["device_id"] == "a"
    ours.leave(port_id, "a")
    kept = neutron.ports[port_id]
    assert (kept["device_id"], kept["device_owner"], kept["binding:host_id"]) == ("", "", "")
    ours.leave("gone", "a")
    with pytest.raises(ProviderError) as missing:
        ours.take("gone", "a")
    assert missing.value.reason.code is Code.NOT_FOUND


@pytest.mark.parametrize("kind", sorted(vnic.KINDS))
def test_kinds_of_ports(neutron: NeutronRest, kind: str) -> None:
    port_id = neutron.port("mgmt", **{"binding:vnic_type": kind})
    if kind in (vnic.NORMAL, vnic.DIRECT):
        assert ports(neutron).take(port_id, "a")["device_id"] == "a"
        return
    with pytest.raises(ProviderError) as caught:
        ports(neutron).take(port_id, "a")
    assert caught.value.reason.code is Code.UNSUPPORTED
    assert neutron.ports[port_id]["device_id"] == ""


@pytest.mark.parametrize("host", ["here", None])
def test_who_may_not_bind_does_without(neutron: NeutronRest, host: str | None) -> None:
    neutron.admin, ours = False, ports(neutron, host)
    port = ours.create("mgmt", "amphora-1", "a", ("group",))
    made = neutron.ports[port["id"]]
    assert (made["device_id"], made["security_groups"]) == ("a", ["group"])
    assert "binding:host_id" not in made
    calls = len(neutron.calls)
    taken = neutron.port("mgmt")
    ours.take(taken, "a")
    assert len(neutron.calls) == calls + 2, "it is not tried again"
    ours.give_up("a")
    assert set(neutron.ports) == {taken} and neutron.ports[taken]["device_id"] == ""


def test_a_nic_knows_its_network(neutron: NeutronRest) -> None:
    ours = ports(neutron)
    port = ours.port(neutron.port("mgmt"))
    found = ours.nic(port, 3, ours=True)
    assert (found.name, found.ours, found.network["id"]) == ("eth3", True, "mgmt")
    assert [str(a) for a in found.addresses] == ["192.0.2.10/24", "2001:db8::a/64"]
    before = len(neutron.calls)
    ours.nic(port, 4)
    assert len(neutron.calls) == before, "networks are asked about once"


def test_a_subnet_that_is_younger_than_what_is_known(neutron: NeutronRest) -> None:
    ours = ports(neutron)
    ours.nic(ours.port(neutron.port("mgmt")), 1)
    neutron.subnets["young"] = {"id": "young", "network_id": "mgmt", "cidr": "198.51.100.0/24"}
    young = ours.nic(ours.port(neutron.port("mgmt")), 2)
    assert "198.51.100.11/24" in [str(a) for a in young.addresses]


@pytest.mark.parametrize(
    ("told", "proto"), [({"qinq": True}, 0x88A8), ({"qinq": False}, 0x8100), ({}, 0x8100)]
)
def test_the_outer_tag_of_two(neutron: NeutronRest, told: dict[str, bool], proto: int) -> None:
    neutron.network("vlans", "198.51.100.0/24", vlan=7, **told)
    ours = ports(neutron)
    found = ours.nic(ours.port(neutron.port("vlans")), 1)
    assert wish.wish(found.port, found.network).proto == proto


LIMIT = {"type": "bandwidth_limit", "max_kbps": 20_000, "direction": "egress"}


@pytest.mark.parametrize(
    ("of_port", "of_network", "rate"),
    [
        ({}, {}, 0),
        ({"qos_policy_id": "slow"}, {}, 20),
        ({"qos_policy_id": "slow"}, {"qos_policy_id": "fast"}, 20),
        ({"qos_policy_id": None}, {"qos_policy_id": "slow"}, 20),
        ({"qos_network_policy_id": "slow"}, {}, 20),
        ({"qos_network_policy_id": None}, {"qos_policy_id": "fast"}, 0),
    ],
)
def test_the_rate_limit_of_a_port(
    neutron: NeutronRest, of_port: Any, of_network: Any, rate: int
) -> None:
    """Kept for a host that boots without Neutron."""
    neutron.policies["slow"] = {"id": "slow", "rules": [LIMIT]}
    neutron.policies["fast"] = {"id": "fast", "rules": []}
    neutron.networks["mgmt"].update(of_network)
    ours = ports(neutron)
    found = ours.nic(ours.take(neutron.port("mgmt", **of_port), "a"), 1)
    assert wish.wish(found.port, found.network).rate == rate


def test_a_limit_nobody_shows_us(neutron: NeutronRest) -> None:
    ours = ports(neutron)
    port = ours.port(neutron.port("mgmt", qos_policy_id="hidden"))
    with pytest.raises(ProviderError, match="does not show its QoS policy hidden"):
        ours.nic(port, 1)
