"""Listeners on VFs, with the rules and configurations of the product and real traffic."""

from __future__ import annotations

from dataclasses import dataclass

from tests.igb import scenario
from tests.igb.guest import peers
from tests.igb.guest.amphora import Amphora
from tests.igb.guest.cards import until
from tests.igb.guest.ground import Ground, Space

_ANSWER = "member:hello"
_STRANGERS, _BRIEF = 2, 1.0


@dataclass(frozen=True)
class _World:
    """An amphora with two VFs of one card; a member and a client on VFs of the other one."""

    amphora: Amphora
    client: Space
    member: Space

    def asked(self, transport: str) -> str:
        return self.told(transport, scenario.CLIENT, scenario.PORTS[transport], peers.PATIENCE)

    def told(self, transport: str, source: str, port: int, patience: float = _BRIEF) -> str:
        return peers.ask(self.client, transport, source, scenario.VIP, port, patience)

    def serves(self, transport: str, program: str) -> None:
        """The client is served, and the stranger is dropped and counted."""
        with peers.serve(self.member, transport, scenario.SERVER, scenario.PORTS[transport]):
            try:
                until(lambda: self.asked(transport) == _ANSWER, "no answer of the member")
            except AssertionError as problem:
                raise AssertionError(f"{problem}\n{self.amphora.explain(program)}") from None
            before = self._counted(transport)
            for _ in range(_STRANGERS):
                assert self.asked(transport) == _ANSWER
                told = self.told(transport, scenario.STRANGER, scenario.PORTS[transport])
                assert told == "", f"a stranger was told {told}"
            after = self._counted(transport)
        assert after[0] >= before[0] + _STRANGERS, f"accepted: {before[0]}, then {after[0]}"
        assert after[1] >= before[1] + _STRANGERS, f"refused: {before[1]}, then {after[1]}"

    def _counted(self, transport: str) -> tuple[int, int]:
        """Packets accepted and refused for the listener."""
        told = self.amphora.counted()["listeners"][scenario.LISTENERS[transport]]
        return told["accepted"]["packets"], told["refused"]["packets"]


def _world(ground: Ground) -> _World:
    amphora = Amphora(ground, scenario.NAMESPACE)
    amphora.plug(scenario.VIP_DEVICE, scenario.BASE["a"], scenario.VIP_VLAN)
    amphora.plug(scenario.MEMBER_DEVICE, scenario.ON_MEMBER_NET, scenario.MEMBER_VLAN)
    amphora.space.ip("addr", "add", f"{scenario.VIP}/32", "dev", scenario.VIP_DEVICE)
    client, _ = ground.station("client", scenario.CLIENT, vlan=scenario.VIP_VLAN)
    client.ip("addr", "add", f"{scenario.STRANGER}/24", "dev", scenario.VIP_DEVICE)
    member, _ = ground.station("member", scenario.SERVER, vlan=scenario.MEMBER_VLAN)
    ground.ready()
    return _World(amphora, client, member)


def tcp(ground: Ground) -> None:
    """Through haproxy. Before there is a document, nothing comes in."""
    world = _world(ground)
    assert not world.client.reaches(scenario.BASE["a"], 1), "deny-all let something in"
    world.amphora.haproxy(ground.rendered["haproxy"])
    world.amphora.allow(ground.rendered["firewall"])
    world.serves("tcp", "haproxy")
    port = scenario.CLOSED_PORT
    with peers.serve(world.amphora.space, "tcp", scenario.VIP, port):
        told = world.told("tcp", scenario.CLIENT, port)
    assert told == "", "a port without a listener answered"


def udp(ground: Ground) -> None:
    _forwarded(ground, "udp")


def sctp(ground: Ground) -> None:
    _forwarded(ground, "sctp")


def _forwarded(ground: Ground, transport: str) -> None:
    """Through LVS."""
    world = _world(ground)
    world.amphora.forwards()
    world.amphora.allow(ground.rendered["firewall"])
    world.amphora.keepalived("lvs", ground.rendered["lvs"][transport])
    world.serves(transport, "lvs")
