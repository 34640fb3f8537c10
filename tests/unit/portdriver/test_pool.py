"""Which VFs are free, and which is taken."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from sriov_provider.errors import Code, ProviderError
from sriov_provider.portdriver import pool
from sriov_provider.portdriver.base import Settings
from sriov_provider.portdriver.card import Pf, Vf
from sriov_provider.portdriver.claims import Claim
from sriov_provider.portdriver.kernel import Link
from sriov_provider.portdriver.wish import Wish
from tests.unit.portdriver.igb import Igb

WISH = Wish("p1", "fa:16:3e:00:00:01", "physnet1")


def vf(index: int, **given: str | None) -> Vf:
    known = {"netdev": f"eth{index}", "driver": "igbvf"} | given
    return Vf(index, f"0000:01:10.{index}", **known)


def link(name: str, **given: object) -> Link:
    plain = Link(int(name.removeprefix("eth")), name, "02:00:00:00:00:01", 1500, up=False)
    return dataclasses.replace(plain, **given)  # type: ignore[arg-type]


def reasons(one: Vf, *links: Link, claim: Claim | None = None, damaged: str = "") -> list[str]:
    claims = [claim] if claim else []
    found = pool.candidates([("ens1", Pf("ens1", 7, (one,)))], claims, [damaged], links)
    return list(found.used.values())


def test_a_vf_on_the_host_that_nobody_uses_is_free() -> None:
    assert reasons(vf(0), link("eth0")) == []


@pytest.mark.parametrize(
    ("one", "shown", "why"),
    [
        (vf(0, netdev=None), None, "somebody else: driver igbvf, no interface on the host"),
        (vf(0, netdev=None, driver="vfio-pci"), None, "driver vfio-pci"),
        (vf(0, netdev=None, driver=None), None, "nobody: it has no driver"),
        (vf(0, upper="macvtap0"), link("eth0"), "macvtap0 on top of eth0"),
        (vf(0), link("eth0", master=9), "eth0 is on a bridge or bond"),
        (vf(0), link("eth0", addresses=("192.0.2.9",)), "the host: eth0 has 192.0.2.9"),
        (vf(0), None, "no interface on the host"),
    ],
)
def test_a_vf_that_somebody_uses_is_not(one: Vf, shown: Link | None, why: str) -> None:
    (told,) = reasons(one, *([shown] if shown else []))
    assert why in told


def test_a_claimed_vf_is_not_free() -> None:
    claim = Claim("p9", "fa:16:3e:00:00:09", "0000:01:10.0", "sriov")
    assert reasons(vf(0), link("eth0"), claim=claim) == ["port p9"]
    assert reasons(vf(0), link("eth0"), damaged="0000:01:10.0") == ["a claim that cannot be read"]


def test_the_pf_with_most_free_vfs_is_taken() -> None:
    few = Pf("ens1", 7, (vf(0), vf(1)))
    many = Pf("ens2", 7, tuple(dataclasses.replace(vf(n), address=f"02:{n}") for n in range(3)))
    found = pool.Candidates((few, many), used={"02:0": "x"})
    assert pool.choose(found, WISH) == (few, few.vfs[0])
    found = pool.Candidates((few, many), used={"0000:01:10.0": "x", "02:0": "x"})
    assert pool.choose(found, WISH) == (many, many.vfs[1])


def test_no_free_vf_is_told_with_all_that_helps() -> None:
    used = {"0000:01:10.0": "port p9", "0000:01:10.1": "somebody else: driver vfio-pci"}
    found = pool.Candidates((Pf("ens1", 7, (vf(0), vf(1))),), ("ens7",), used)
    with pytest.raises(ProviderError) as caught:
        pool.choose(found, WISH)
    assert (caught.value.reason.code, caught.value.retriable) == (Code.NO_VF, True)
    assert "ens1" not in caught.value.reason.user
    assert caught.value.reason.operator == (
        "port p1: physical network physnet1 has no free VF on this host (ens1 with 2 VFs of 7, "
        "ens7 not there or no SR-IOV card). Held: 0000:01:10.0: port p9; "
        "0000:01:10.1: somebody else: driver vfio-pci"
    )


def test_a_network_of_no_pf_is_told_too() -> None:
    with pytest.raises(ProviderError, match=r"\(no PF, ens7 not there or no SR-IOV card\)"):
        pool.choose(pool.Candidates(missing=("ens7",)), WISH)


def test_a_vf_that_was_chosen_elsewhere_is_taken_or_refused() -> None:
    pf = Pf("ens1", 7, (vf(0), vf(1)))
    asked = dataclasses.replace(WISH, pci_slot="0000:01:10.1")
    assert pool.choose(pool.Candidates((pf,)), asked) == (pf, pf.vfs[1])
    for used, why in (({"0000:01:10.1": "port p9"}, "port p9"), ({}, "nobody: it is on no PF")):
        other = asked if used else dataclasses.replace(asked, pci_slot="0000:09:00.0")
        with pytest.raises(ProviderError, match=f"held by {why}") as caught:
            pool.choose(pool.Candidates((pf,), used=used), other)
        assert caught.value.reason.code is Code.NO_VF


def made(tmp_path: Path, vfs: int, create: int) -> tuple[Igb, list[tuple[str, Pf | None]]]:
    igb = Igb(tmp_path / "world", {"ens1": vfs})
    with igb.world() as world:
        world["links"]["2"]["up"] = False
    settings = Settings((("physnet1", "ens1"), ("physnet2", "ens2")), create_vfs=create)
    return igb, pool.pfs_of(igb, igb.links, settings, "physnet1")


def test_vfs_are_made_on_a_pf_that_has_none(tmp_path: Path) -> None:
    igb, ((name, pf),) = made(tmp_path, 0, create=9)
    assert name == "ens1"
    assert pf is not None
    assert [vf.index for vf in pf.vfs] == list(range(7)), "as many as the card can have"
    assert igb.links.all()[0].up, "VFs of a PF that is down do not start"


@pytest.mark.parametrize(("vfs", "create"), [(2, 5), (0, 0)])
def test_the_number_of_vfs_is_else_left_alone(tmp_path: Path, vfs: int, create: int) -> None:
    igb, ((_, pf),) = made(tmp_path, vfs, create)
    assert pf is not None
    assert len(pf.vfs) == vfs
    assert not igb.links.all()[0].up


def test_a_pf_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    igb = Igb(tmp_path / "world", {})
    settings = Settings((("physnet1", "ens9"),))
    assert pool.pfs_of(igb, igb.links, settings, "physnet1") == [("ens9", None)]


def test_vfs_that_do_not_come_are_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "CREATE_TIMEOUT", 0.2)
    monkeypatch.setattr(Igb, "create", lambda self, pf, number: None)
    _, ((_, pf),) = made(tmp_path, 0, create=2)
    assert pf == Pf("ens1", 7)
