"""What the port driver does to a VF, and that nothing of it stays."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.functional.netns import run
from tests.igb.guest.cards import link
from tests.igb.guest.ground import Ground, Port

_RATE = {"rules": [{"type": "bandwidth_limit", "direction": "egress", "max_kbps": 50_000}]}
_OWN = "02:00:00:00:00:01"


def life(ground: Ground) -> None:
    """Plugged as its port says; unplugged as it was, twice on the same VF."""
    before = ground.state()
    space = ground.space("a")
    for _ in range(2):
        port = ground.plug(space, "eth1", "198.18.16.1", vlan=7, mtu=1400, qos_policy=_RATE)
        _as_told(ground, port)
        ground.up(port, "198.18.16.1")
        ground.ready()
        again = ground.hosts[0].plug(port.neutron, [], port.network, space.name, "eth1")
        assert again.device == port.vf, "plugged twice"
        assert [p.device for p in ground.hosts[0].plugged()] == [port.vf]
        _as_told(ground, port)
        ground.unplug(port)
        ground.hosts[0].unplug(port.neutron["id"])  # nothing happens
        ground.same(before)


def _as_told(ground: Ground, port: Port) -> None:
    held = ground.cards[0].vf(port.vf)
    assert held["address"] == port.neutron["mac_address"], held
    assert held["vlan_list"][0]["vlan"] == 7, held
    assert held["spoofchk"] is True and held["trust"] is False, held
    assert held["rate"]["max_tx"] == 50, held
    inside = link("eth1", port.space.name)
    assert inside["address"] == port.neutron["mac_address"], inside
    assert inside["mtu"] == 1400, inside


def settings(ground: Ground) -> None:
    """What an operator had set of a VF is there again."""
    original = ground.state()
    card = ground.cards[0]
    name = ground.state()[card.addresses()[0]]["ifname"]
    _set(card.pf, "vlan", "9", "qos", "3")
    _set(card.pf, "spoofchk", "off")
    _set(card.pf, "trust", "on")
    _set(card.pf, "max_tx_rate", "100")
    run("ip", "link", "set", name, "mtu", "1300")
    before = ground.state()
    try:
        port = ground.plug(ground.space("a"), "eth1", "198.18.16.1")
        assert port.vf == card.addresses()[0], "another VF was taken"
        held = card.vf(port.vf)
        assert held["spoofchk"] is True and held["trust"] is False, held
        assert not held["vlan_list"][0].get("vlan") and held["rate"]["max_tx"] == 0, held
        ground.unplug(port)
        ground.same(before)
    finally:
        _set(card.pf, "vlan", "0")
        _set(card.pf, "spoofchk", "on")
        _set(card.pf, "trust", "off")
        _set(card.pf, "max_tx_rate", "0")
        run("ip", "link", "set", name, "mtu", "1500")
        # Now and then igb has heard the VF's own address at the reset that goes with a new MTU.
        own = original[card.addresses()[0]]["pf"]["address"]
        if card.vf(card.addresses()[0])["address"] != own:
            _set(card.pf, "mac", own)
    ground.same(original)


def _set(pf: str, *words: str) -> None:
    run("ip", "link", "set", pf, "vf", "0", *words)


def lost_namespace(ground: Ground) -> None:
    """A VF whose namespace ended comes back by itself, under whatever name; the pool knows."""
    before = ground.state()
    space, port = ground.station("a", "198.18.16.1", host=0)
    ground.count(port)
    space.delete()
    report = ground.hosts[0].reconcile([port.neutron["id"]])
    assert report.lost == (port.neutron["id"],), report
    ground.same(before)


def kills(ground: Ground) -> None:
    """The VFs and what is on record of them are as before after each cycle."""
    # Only this check needs it, and it comes late.
    from tests.functional.portdriver.cycles import Cycles
    from tests.functional.portdriver.stages import Vfs

    card = ground.cards[0]
    with tempfile.TemporaryDirectory() as directory:
        cycles = Cycles(Vfs(card.pf, Path(directory), vlan=7))
        told = cycles.run(ground.cycles, lambda text: print(text, file=sys.stderr, flush=True))
    killed = sum(told.kills.values())
    assert killed, told
    ground.note(f"{told.cycles} cycles, killed {killed} times at {len(told.kills)} places")


def refused_mac(ground: Ground) -> None:
    """Who lives in the namespace may not take another MAC address."""
    a, port = ground.station("a", "198.18.16.1", host=0)
    ground.station("b", "198.18.16.2", host=0)
    ground.ready()
    assert a.reaches("198.18.16.2")
    change = ("ip", "link", "set", "eth1")
    assert a.works(*change, "mtu", "1400"), "no change at all is possible"
    assert not a.works(*change, "address", _OWN), "another address was taken"
    a.ip("link", "set", "eth1", "down")
    assert not a.works(*change, "address", _OWN), "another address was taken while down"
    ground.up(port)
    ground.ready()
    assert link("eth1", "a")["address"] == port.neutron["mac_address"]
    assert a.reaches("198.18.16.2")
