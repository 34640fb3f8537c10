"""The steps of one VF, on a card that is as awkward as igb."""

from __future__ import annotations

import dataclasses
import errno
import logging
from typing import Any

import pytest

from sriov_provider.errors import Code, ProviderError
from sriov_provider.portdriver import vf
from sriov_provider.portdriver.card import AUTO, DISABLE, ZERO, VfChange, VfState
from sriov_provider.portdriver.kernel import Change, RefusedError
from sriov_provider.portdriver.vf import Steps
from sriov_provider.portdriver.wish import Wish
from tests.unit.portdriver.igb import Igb
from tests.unit.portdriver.stage import MAC, Host

VF0 = "0000:01:10.0"
WISH = Wish("p1", MAC, "physnet1", vlan=101, mtu=1400)
OWN = "0a:00:00:00:00:01"


def steps(host: Host) -> Steps:
    return Steps(host.igb, host.igb.links, "ens1", 0, VF0)


def link(host: Host) -> Any:
    return steps(host).link()


class Recorded:
    """A card; what is changed on it is noted."""

    def __init__(self, igb: Igb) -> None:
        self._igb = igb
        self.changes: list[VfChange] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._igb, name)

    def change(self, pf: str, index: int, change: VfChange) -> None:
        self.changes.append(change)
        self._igb.change(pf, index, change)


def test_the_target_of_a_port() -> None:
    now = VfState(mac=MAC, vlan=(7, 3, 0x88A8), spoofchk=False, trust=True, rates=(1, 2))
    assert vf.target(dataclasses.replace(WISH, rate=10), now) == VfState(
        MAC, (101, 0, 0x8100), spoofchk=True, trust=False, rates=(0, 10), link_state=AUTO
    )
    off = vf.target(Wish("p1", MAC, proto=0x88A8, up=False), now)
    assert (off.vlan, off.link_state) == ((0, 0, 0x8100), DISABLE)


def test_only_what_differs_is_changed() -> None:
    now = VfState(vlan=(101, 0, 0x8100), spoofchk=True, trust=None, link_state=AUTO)
    wanted = vf.target(WISH, now)
    assert list(vf.changes(now, wanted)) == [VfChange(trust=False)]
    assert list(vf.changes(wanted, wanted)) == []
    assert list(vf.changes(wanted, VfState(vlan=wanted.vlan))) == []


def test_a_port_gets_all_it_needs(one: Host) -> None:
    with one.igb.world() as world:
        world["pfs"]["ens1"]["vfs"][0].update(spoofchk=False, trust=True)
    steps(one).apply(dataclasses.replace(WISH, rate=10), inside=False)
    assert one.igb.state("ens1", 0) == VfState(
        MAC, (101, 0, 0x8100), spoofchk=True, trust=False, rates=(0, 10), link_state=0
    )
    assert (link(one).mac, link(one).mtu, link(one).up) == (MAC, 1400, False)


def test_the_tenant_may_not_change_the_address(one: Host) -> None:
    steps(one).apply(WISH, inside=False)
    with pytest.raises(RefusedError) as caught:
        one.igb.links.change(link(one).index, Change(mac="02:00:00:00:00:99"))
    assert caught.value.errno == errno.EADDRNOTAVAIL


def test_a_vf_that_knows_its_address_is_held_to_it_all_the_same(one: Host) -> None:
    # The PF has heard the address from the VF: it shows it, and does not insist on it.
    one.igb.links.change(link(one).index, Change(mac=MAC))
    assert one.igb.state("ens1", 0).mac == MAC
    steps(one).apply(WISH, inside=False)
    with pytest.raises(RefusedError):
        one.igb.links.change(link(one).index, Change(mac="02:00:00:00:00:99"))


def test_an_address_somebody_had_set_takes_a_fresh_start_of_the_driver(one: Host) -> None:
    one.igb.change("ens1", 0, VfChange(mac="02:00:00:00:00:77"))
    before = link(one)
    steps(one).apply(WISH, inside=False)
    assert (link(one).mac, link(one).mtu) == (MAC, 1400)
    assert link(one).index != before.index, "the driver has made the interface anew"


def test_a_vf_that_will_not_take_its_address_is_told_of(
    one: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    one.igb.change("ens1", 0, VfChange(mac="02:00:00:00:00:77"))
    monkeypatch.setattr(Igb, "rebind", lambda self, address: None)
    with pytest.raises(RefusedError):
        steps(one).apply(WISH, inside=False)


def test_a_vf_in_its_namespace_is_changed_from_outside_only(one: Host) -> None:
    steps(one).apply(WISH, inside=False)
    one.igb.links.move(link(one).index, "vip0", None, "amphora")
    card = Recorded(one.igb)
    inside = Steps(card, one.igb.links, "ens1", 0, VF0)
    inside.apply(dataclasses.replace(WISH, vlan=102, mtu=9000), inside=True)
    assert card.changes == [VfChange(vlan=(102, 0, 0x8100))]
    assert one.links("amphora")["vip0"].mtu == 1400


def test_a_card_may_do_without_a_link_state(one: Host, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        steps(one).apply(dataclasses.replace(WISH, up=False), inside=False)
    assert one.igb.state("ens1", 0).mac == MAC
    (told,) = caplog.messages
    assert VF0 in told
    assert "link_state=2" in told


@pytest.mark.parametrize(
    ("card", "wish"),
    [({"link": False}, {"rate": 10}), ({}, {"proto": 0x88A8})],
    ids=["a limit without a link", "a tag the card cannot do"],
)
def test_what_the_card_refuses_is_not_done_without(
    one: Host, card: dict[str, Any], wish: dict[str, Any]
) -> None:
    with one.igb.world() as world:
        world["pfs"]["ens1"].update(card)
    with pytest.raises(RefusedError) as caught:
        steps(one).apply(dataclasses.replace(WISH, **wish), inside=False)
    assert caught.value.reason.code is Code.HOST_NETWORK


def test_without_a_limit_no_link_is_needed(one: Host) -> None:
    with one.igb.world() as world:
        world["pfs"]["ens1"]["link"] = False
    steps(one).apply(WISH, inside=False)
    assert one.igb.state("ens1", 0).vlan == (101, 0, 0x8100)


@pytest.mark.parametrize("up", [False, True])
@pytest.mark.parametrize("admin", [ZERO, "02:00:00:00:00:77"])
def test_a_vf_is_put_back_as_it_was(one: Host, up: bool, admin: str) -> None:
    if admin != ZERO:
        one.igb.change("ens1", 0, VfChange(mac=admin, rates=(0, 5)))
        one.igb.rebind(VF0)
    one.igb.links.change(link(one).index, Change(up=up, mtu=1300))
    saved = steps(one).read()
    before = (one.igb.state("ens1", 0), dataclasses.replace(link(one), index=0))
    steps(one).apply(WISH, inside=False)
    one.igb.links.move(link(one).index, "vip0", None, "amphora")
    (there,) = one.igb.links.all("amphora")
    one.igb.links.move(there.index, "sv1", "amphora", None)
    for _ in range(2):
        steps(one).restore(saved)
        after = (one.igb.state("ens1", 0), dataclasses.replace(link(one), index=0))
        assert after == before


def test_an_administrative_address_is_insisted_on_again(one: Host) -> None:
    one.igb.change("ens1", 0, VfChange(mac="02:00:00:00:00:77"))
    saved = steps(one).read()
    steps(one).apply(WISH, inside=False)
    steps(one).restore(saved)
    assert one.igb.state("ens1", 0).mac == "02:00:00:00:00:77"
    with pytest.raises(RefusedError):
        one.igb.links.change(link(one).index, Change(mac="02:00:00:00:00:99"))


@pytest.mark.parametrize("heard", [True, False])
def test_the_order_of_release(one: Host, heard: bool) -> None:
    if not heard:
        one.igb.change("ens1", 0, VfChange(mac=ZERO))
    saved = steps(one).read()
    steps(one).apply(WISH, inside=False)
    card = Recorded(one.igb)
    Steps(card, one.igb.links, "ens1", 0, VF0).restore(saved)
    assert card.changes == [
        VfChange(vlan=(0, 0, 0x8100)),
        VfChange(mac=ZERO),
        # the VF has called itself by its own address since
        *([] if heard else [VfChange(mac=ZERO)]),
    ]
    assert link(one).mac == OWN


def test_a_name_that_is_taken_is_done_without(one: Host, caplog: pytest.LogCaptureFixture) -> None:
    saved = steps(one).read()
    one.igb.links.change(link(one).index, Change(name="sv1"))
    one.igb.links.add_bridge(saved.name, "somebody's")
    steps(one).restore(saved)
    assert link(one).name == "sv1"
    assert f"there is another {saved.name}" in caplog.text


def test_an_interface_that_does_not_come_is_told_of(one: Host, impatient: None) -> None:
    one.igb.links.move(link(one).index, "vip0", None, "amphora")
    with pytest.raises(ProviderError, match=f"VF {VF0} of ens1 has no interface") as caught:
        link(one)
    assert caught.value.reason.code is Code.PORT_BUSY
    assert caught.value.retriable


def test_an_interface_that_comes_late_is_waited_for(one: Host) -> None:
    one.igb.links.move(link(one).index, "vip0", None, "amphora")
    one.igb.drop_namespace("amphora")
    assert steps(one).seen() is None
    assert link(one).name == "vip0"


def test_another_refusal_of_a_name_is_told(one: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    saved = dataclasses.replace(steps(one).read(), name="eth99")

    def refuse(*_: object) -> None:
        raise RefusedError("no", errno.EPERM, "not permitted")

    monkeypatch.setattr("tests.unit.portdriver.igb.IgbLinks.change", refuse)
    with pytest.raises(RefusedError, match="not permitted"):
        steps(one).restore(saved)
