"""Interfaces into namespaces and out of them."""

from __future__ import annotations

import errno
import pickle

import pytest

from sriov_provider.errors import Code, ProviderError
from sriov_provider.portdriver.kernel import Change, RefusedError
from sriov_provider.portdriver.namespaces import move_in, move_out, outside_name
from tests.unit.portdriver.stage import Host

MAC = "fa:16:3e:00:00:01"


def enter(one: Host, name: str = "vip0", mtu: int | None = 1400) -> None:
    move_in("eth3", "amphora", name, MAC.upper(), mtu, one.igb.links)


def test_an_interface_goes_in_and_stays_down(one: Host) -> None:
    one.igb.links.change(one.links()["eth3"].index, Change(up=True))
    for _ in range(2):
        enter(one)
    link = one.links("amphora")["vip0"]
    assert (link.mac, link.mtu, link.up) == (MAC, 1400, False)
    assert "eth3" not in one.links()


def test_what_is_inside_gets_the_rest(one: Host) -> None:
    enter(one)
    one.igb.links.change(one.links("amphora")["vip0"].index, Change(up=True), "amphora")
    enter(one, "eth1", mtu=9000)
    assert one.links("amphora")["eth1"].mtu == 9000


def test_an_mtu_of_its_own_is_kept(one: Host) -> None:
    enter(one, mtu=None)
    assert one.links("amphora")["vip0"].mtu == 1500


def test_an_interface_comes_out_once(one: Host) -> None:
    enter(one)
    for _ in range(2):
        move_out("amphora", MAC, one.igb.links)
    assert one.links("amphora") == {}
    assert one.links()[outside_name(MAC)].mac == MAC


def test_nothing_comes_out_of_a_namespace_that_is_gone(one: Host) -> None:
    move_out("nowhere", MAC, one.igb.links)
    assert list(one.links()) == ["ens1", "eth3", "eth4"]


@pytest.mark.parametrize(
    ("device", "namespace", "told"),
    [
        ("eth9", "amphora", "eth9 is neither on the host nor in namespace amphora"),
        ("eth3", "nowhere", "network namespace nowhere is gone"),
    ],
)
def test_what_is_missing_is_named(one: Host, device: str, namespace: str, told: str) -> None:
    with pytest.raises(ProviderError, match=told) as caught:
        move_in(device, namespace, "vip0", MAC, None, one.igb.links)
    assert caught.value.reason.code is Code.NOT_FOUND


def test_a_refusal_survives_a_process() -> None:
    error = RefusedError("interface 3 cannot be moved", errno.EEXIST, "File exists")
    copied = pickle.loads(pickle.dumps(error))
    assert (copied.reason, copied.errno) == (error.reason, errno.EEXIST)


def test_a_name_that_is_taken_inside_leaves_it_on_the_host(one: Host) -> None:
    one.igb.links.move(one.links()["eth4"].index, "vip0", None, "amphora")
    with pytest.raises(RefusedError, match="as vip0") as caught:
        enter(one)
    assert caught.value.errno == errno.EEXIST
    assert "eth3" in one.links()


def test_a_move_to_a_name_that_is_taken_moves_all_the_same(one: Host) -> None:
    one.igb.links.move(one.links()["eth4"].index, "vip0", None, "amphora")
    with pytest.raises(RefusedError):
        one.igb.links.move(one.links()["eth3"].index, "vip0", None, "amphora")
    assert list(one.links("amphora")) == ["eth3", "vip0"]
