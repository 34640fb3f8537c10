"""Two amphorae, on one card each: keepalived as the product configures it."""

from __future__ import annotations

from pathlib import Path

from tests.igb import scenario
from tests.igb.guest.amphora import Amphora
from tests.igb.guest.cards import until
from tests.igb.guest.ground import Ground, Space

_SCRIPT = Path("/var/lib/octavia/vrrp/check_script.sh")
# Three advertisements that do not come, an election, and a slow guest.
_TAKEOVER = 30.0


def moves(ground: Ground) -> None:
    """The one that has the VIP is killed; the other one answers, from its own VF."""
    _SCRIPT.parent.mkdir(parents=True, exist_ok=True)
    _SCRIPT.write_text("#!/bin/sh\nexit 0\n")
    _SCRIPT.chmod(0o755)
    a, b = (_amphora(ground, key, host) for host, key in enumerate(("a", "b")))
    client, _ = ground.station("client", scenario.CLIENT, vlan=scenario.VIP_VLAN)
    ground.ready()
    a.keepalived("vrrp", ground.rendered["vrrp"]["a"], "--vrrp")
    until(lambda: _has(a), "the first has no VIP")
    b.keepalived("vrrp", ground.rendered["vrrp"]["b"], "--vrrp")
    until(lambda: client.reaches(scenario.VIP), "the VIP does not answer")
    assert _answers(client) == scenario.mac(scenario.BASE["a"]), _answers(client)
    assert not _has(b), "both have the VIP"

    a.kill("vrrp")
    a.space.ip("link", "set", scenario.VIP_DEVICE, "down")
    took = until(lambda: client.reaches(scenario.VIP, 1), "nobody took over", _TAKEOVER)
    assert _has(b)
    assert _answers(client) == scenario.mac(scenario.BASE["b"]), _answers(client)
    ground.note(f"the VIP answered again after {took:.1f} s")


def _amphora(ground: Ground, key: str, host: int) -> Amphora:
    made = Amphora(ground, f"amphora-{key}", key, host)
    made.plug(scenario.VIP_DEVICE, scenario.BASE[key], scenario.VIP_VLAN)
    made.allow(ground.rendered["peers"][key])
    return made


def _has(amphora: Amphora) -> bool:
    return f" {scenario.VIP}/" in amphora.space.ip("addr", "show", "dev", scenario.VIP_DEVICE)


def _answers(client: Space) -> str:
    """The MAC address behind the VIP."""
    words = client.ip("neigh", "show", scenario.VIP).split()
    return words[words.index("lladdr") + 1] if "lladdr" in words else ""
