"""Cards of this machine: sysfs from a tree of files, netlink in messages as the kernel has them."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.requests.link import LinkIPRouteFilter

from sriov_provider.portdriver import kernel_card
from sriov_provider.portdriver.card import Pf, Vf, VfChange, VfState
from sriov_provider.portdriver.kernel import RefusedError
from sriov_provider.portdriver.kernel_card import KernelCard

PF = "devices/pci0000:00/0000:01:00.0"
MAC = "fa:16:3e:00:00:01"


@pytest.fixture
def sysfs(tmp_path: Path) -> Path:
    """Two VFs: one on the host, one in a namespace; a card without VFs beside them."""
    pf = tmp_path / PF
    (pf / "net/ens1").mkdir(parents=True)
    (pf / "sriov_totalvfs").write_text("7\n")
    (pf / "sriov_numvfs").write_text("2\n")
    drivers = tmp_path / "bus/pci/drivers/igbvf"
    drivers.mkdir(parents=True)
    (tmp_path / "bus/pci/devices").mkdir()
    (tmp_path / "class/net").mkdir(parents=True)
    for index in (0, 1):
        vf = pf.parent / f"0000:01:10.{index}"
        (vf / "net").mkdir(parents=True)
        (vf / "physfn").symlink_to(pf)
        (vf / "driver").symlink_to(drivers)
        (pf / f"virtfn{index}").symlink_to(vf)
        (tmp_path / "bus/pci/devices" / vf.name).symlink_to(vf)
    (pf.parent / "0000:01:10.0/net/eth5").mkdir()
    (pf / "net/ens1/device").symlink_to(pf)
    (tmp_path / "class/net/ens1").symlink_to(pf / "net/ens1")
    (tmp_path / "class/net/lo").mkdir()
    return tmp_path


def test_a_card_and_its_vfs(sysfs: Path) -> None:
    on_host = Vf(0, "0000:01:10.0", "eth5", "igbvf")
    assert KernelCard(sysfs).pf("ens1") == Pf(
        "ens1", 7, (on_host, Vf(1, "0000:01:10.1", None, "igbvf"))
    )


def test_more_than_ten_vfs_are_in_order(sysfs: Path) -> None:
    for index in range(2, 12):
        vf = sysfs / PF / f"../0000:01:11.{index}"
        vf.mkdir()
        (sysfs / PF / f"virtfn{index}").symlink_to(vf)
    found = KernelCard(sysfs).pf("ens1")
    assert found is not None
    assert [vf.index for vf in found.vfs] == list(range(12))
    assert found.vfs[11].driver is None


@pytest.mark.parametrize("name", ["lo", "missing"])
def test_what_is_no_card(sysfs: Path, name: str) -> None:
    assert KernelCard(sysfs).pf(name) is None


def test_a_card_that_can_have_no_vfs(sysfs: Path) -> None:
    (sysfs / PF / "sriov_totalvfs").write_text("0\n")
    assert KernelCard(sysfs).pf("ens1") is None


def test_a_vf_is_found_by_its_address(sysfs: Path) -> None:
    found = KernelCard(sysfs).locate("0000:01:10.1")
    assert found is not None
    assert (found[0].name, found[1].index) == ("ens1", 1)
    assert KernelCard(sysfs).locate("0000:09:00.0") is None


def test_the_interface_of_a_vf(sysfs: Path) -> None:
    card = KernelCard(sysfs)
    names = [card.netdev(f"0000:01:10.{index}") for index in (0, 1, 2)]
    assert names == ["eth5", None, None]


def test_what_is_on_top_of_a_vf(sysfs: Path) -> None:
    (sysfs / PF / "../0000:01:10.0/net/eth5/upper_macvtap0").mkdir()
    found = KernelCard(sysfs).locate("0000:01:10.0")
    assert found is not None
    assert found[1].upper == "macvtap0"


def test_vfs_are_asked_for_by_number(sysfs: Path) -> None:
    KernelCard(sysfs).create("ens1", 5)
    assert (sysfs / PF / "sriov_numvfs").read_text() == "5"
    with pytest.raises(RefusedError, match="5 VFs cannot be made on ens9") as caught:
        KernelCard(sysfs).create("ens9", 5)
    assert caught.value.errno == errno.ENOENT


def test_a_driver_starts_afresh(sysfs: Path) -> None:
    driver = sysfs / "bus/pci/drivers/igbvf"
    KernelCard(sysfs).rebind("0000:01:10.0")
    assert (driver / "unbind").read_text() == (driver / "bind").read_text() == "0000:01:10.0"
    (sysfs / PF / "../0000:01:10.0/driver").unlink()
    KernelCard(sysfs).rebind("0000:01:10.0")
    assert (sysfs / "bus/pci/drivers_probe").read_text() == "0000:01:10.0"


# netlink


def decoded(message: Any) -> Any:
    """As it comes off the wire."""
    message.encode()
    read = ifinfmsg(bytes(message.data))
    read.decode()
    return read


def listed(*vfs: dict[str, Any]) -> Any:
    """What the kernel sends of a PF with these VFs."""
    message = ifinfmsg()
    rows = []
    for index, vf in enumerate(vfs):
        attrs: list[tuple[str, Any]] = [("IFLA_VF_MAC", {"vf": index, "mac": vf.get("mac", MAC)})]
        for key, name in (
            ("vlan", "IFLA_VF_VLAN"),
            ("tags", "IFLA_VF_VLAN_LIST"),
            ("spoofchk", "IFLA_VF_SPOOFCHK"),
            ("trust", "IFLA_VF_TRUST"),
            ("rate", "IFLA_VF_RATE"),
            ("link_state", "IFLA_VF_LINK_STATE"),
        ):
            if key in vf:
                attrs.append((name, vf[key]))
        rows.append(("IFLA_VF_INFO", {"attrs": attrs}))
    message["attrs"] = [("IFLA_IFNAME", "ens1"), ("IFLA_VFINFO_LIST", {"attrs": rows})]
    return decoded(message)


class Wire:
    """Stands for IPRoute: answers with one message, keeps what it is told to set."""

    def __init__(self, answer: Any = None, refusals: tuple[int, ...] = ()) -> None:
        self.answer = answer
        self.refusals = list(refusals)
        self.told: list[Any] = []
        self.index = -1

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def link_lookup(self, ifname: str) -> list[int]:
        return [4] if ifname == "ens1" else []

    def link(self, verb: str, **given: Any) -> list[Any]:
        if verb == "get":
            assert given == {"ifname": "ens1", "ext_mask": 1}
            return [self.answer]
        self.index = given["index"]
        if self.refusals and (number := self.refusals.pop(0)):
            raise NetlinkError(number, "refused")
        message = ifinfmsg()
        message["attrs"] = [("IFLA_VFINFO_LIST", LinkIPRouteFilter("set").get_vf(given["vf"]))]
        (one,) = decoded(message).get_attr("IFLA_VFINFO_LIST").get_attrs("IFLA_VF_INFO")
        self.told.append(one)
        return []


Plug = Callable[[Wire], KernelCard]


@pytest.fixture
def plugged(monkeypatch: pytest.MonkeyPatch) -> Plug:
    def connect(wire: Wire) -> KernelCard:
        monkeypatch.setattr(kernel_card, "IPRoute", lambda: wire)
        monkeypatch.setattr(kernel_card, "_PAUSE", 0.0)
        return KernelCard()

    return connect


def test_the_state_of_a_vf(plugged: Plug) -> None:
    tag = {"vf": 1, "vlan": 101, "qos": 3}
    told = {
        "mac": MAC,
        "vlan": tag,
        "tags": {"attrs": [("IFLA_VF_VLAN_INFO", tag | {"proto": 0x88A8})]},
        "spoofchk": {"vf": 1, "spoofchk": 1},
        "trust": {"vf": 1, "trust": 0},
        "rate": {"vf": 1, "min_tx_rate": 0, "max_tx_rate": 50},
        "link_state": {"vf": 1, "link_state": 2},
    }
    card = plugged(Wire(listed({"mac": "02:00:00:00:00:09"}, told)))
    assert card.state("ens1", 1) == VfState(MAC, (101, 3, 0x88A8), True, False, (0, 50), 2)
    assert card.state("ens1", 0) == VfState("02:00:00:00:00:09")


def test_an_older_kernel_tells_of_one_kind_of_tag(plugged: Plug) -> None:
    card = plugged(Wire(listed({"vlan": {"vf": 0, "vlan": 7, "qos": 1}})))
    assert card.state("ens1", 0).vlan == (7, 1, 0x8100)


def test_what_a_driver_does_not_know_is_not_known(plugged: Plug) -> None:
    unknown = 0xFFFFFFFF
    told = {"spoofchk": {"vf": 0, "spoofchk": unknown}, "trust": {"vf": 0, "trust": unknown}}
    found = plugged(Wire(listed(told))).state("ens1", 0)
    assert (found.spoofchk, found.trust, found.link_state) == (None, None, None)


def test_a_vf_that_is_not_listed(plugged: Plug) -> None:
    with pytest.raises(RefusedError, match="VF 3 of ens1 cannot be read"):
        plugged(Wire(listed({}))).state("ens1", 3)
    with pytest.raises(RefusedError):
        plugged(Wire(decoded(ifinfmsg()))).state("ens1", 0)


@pytest.mark.parametrize(
    ("change", "attribute", "value"),
    [
        (VfChange(mac=MAC), "IFLA_VF_MAC", {"vf": 1, "mac": MAC}),
        (VfChange(vlan=(101, 2, 0x8100)), "IFLA_VF_VLAN", {"vf": 1, "vlan": 101, "qos": 2}),
        (VfChange(spoofchk=True), "IFLA_VF_SPOOFCHK", {"vf": 1, "spoofchk": 1}),
        (VfChange(trust=False), "IFLA_VF_TRUST", {"vf": 1, "trust": 0}),
        (VfChange(rates=(0, 9)), "IFLA_VF_RATE", {"vf": 1, "min_tx_rate": 0, "max_tx_rate": 9}),
        (VfChange(link_state=2), "IFLA_VF_LINK_STATE", {"vf": 1, "link_state": 2}),
    ],
)
def test_what_the_kernel_is_told(
    plugged: Plug, change: VfChange, attribute: str, value: dict[str, Any]
) -> None:
    wire = Wire()
    plugged(wire).change("ens1", 1, change)
    (told,) = wire.told
    assert wire.index == 4
    assert [name for name, _ in told["attrs"]] == [attribute]
    found = told.get_attr(attribute)
    assert {key: found[key] for key in value} == value


def test_an_outer_tag_has_its_ethertype(plugged: Plug) -> None:
    wire = Wire()
    plugged(wire).change("ens1", 1, VfChange(vlan=(101, 0, 0x88A8)))
    (tag,) = wire.told[0].get_attr("IFLA_VF_VLAN_LIST").get_attrs("IFLA_VF_VLAN_INFO")
    assert (tag["vf"], tag["vlan"], tag["proto"]) == (1, 101, 0x88A8)


def test_a_busy_card_is_asked_again(plugged: Plug) -> None:
    wire = Wire(refusals=(errno.EBUSY, errno.EAGAIN))
    plugged(wire).change("ens1", 1, VfChange(mac=MAC))
    assert len(wire.told) == 1


@pytest.mark.parametrize("refusals", [(errno.EINVAL,), (errno.EBUSY,) * 10])
def test_a_refusal_is_told(plugged: Plug, refusals: tuple[int, ...]) -> None:
    wire = Wire(refusals=refusals)
    with pytest.raises(RefusedError, match="VF 1 of ens1 cannot be given") as caught:
        plugged(wire).change("ens1", 1, VfChange(mac=MAC))
    assert caught.value.errno == refusals[0]
    assert wire.told == []
