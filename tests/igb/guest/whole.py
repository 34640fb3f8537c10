"""A whole amphora on the guest itself, with its agent, whose ports are VFs."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from unittest import mock

from sriov_provider.portdriver import entered
from sriov_provider.portdriver.base import Settings
from sriov_provider.portdriver.host import HostPorts
from sriov_provider.portdriver.links import KernelLinks
from tests.igb.guest.ground import PHYSNET, STATE, Ground

# Where the image has the agent's.
_COMMANDS = Path("/usr/local/bin")
_SLOW = 5
_COUNTS = Path("/proc/thread-self/net/dev")
# Of the numbers in a line of it.
_RECEIVED, _SENT = 1, 9


def life(ground: Ground) -> None:
    """Boot, hot-plug, traffic, refusal, hot-unplug, delete."""
    # Half a minute of imports, which no other check needs.
    from sriov_provider.amphora import client
    from sriov_provider.amphora.base import AgentInfo, Endpoint
    from tests.functional.local import scenes, stage, stage_lb

    wires = [_Counting(ground, card.pf) for card in ground.cards]

    class OnVfs(stage.Stage):
        """The amphora's ports on one card, those of clients and members on the other one."""

        def __init__(self, place: Path | None = None) -> None:
            super().__init__(place)
            for network in self.neutron.networks.values():
                network["provider:physical_network"] = PHYSNET
            self.settings = dataclasses.replace(self.settings, agent_path=_COMMANDS)
            self.wires, self.others = wires
            self.compute = self.worker()

    ready = client.AgentClient.wait_ready

    def patient(agents: client.AgentClient, endpoint: Endpoint, timeout: float) -> AgentInfo:
        """A guest without KVM imports what the agent needs for minutes."""
        return ready(agents, endpoint, _SLOW * timeout)

    with (
        mock.patch.object(stage_lb, "Stage", OnVfs),
        mock.patch.object(client.AgentClient, "wait_ready", patient),
    ):
        try:
            scenes.life()
        except BaseException:
            scenes.tell_logs()
            raise
    for one in wires:
        for port in one.plugged():
            one.unplug(port.port_id)


class _Counting(HostPorts):
    """Notes the traffic of what it takes away."""

    def __init__(self, ground: Ground, pf: str) -> None:
        super().__init__(Settings(((PHYSNET, pf),), STATE / f"local-{pf}"))
        self._ground = ground

    def unplug(self, neutron_port_id: str) -> None:
        for port in self.plugged():
            if port.port_id == neutron_port_id:
                self._count(port.device)
        super().unplug(neutron_port_id)

    def _count(self, device: str) -> None:
        """Wherever its interface is: an agent moves it on into a namespace of its own."""
        links = KernelLinks()
        for space in (None, *links.namespaces()):
            for link in links.all(space):
                if link.parent == device:
                    told = entered.inside(space, functools.partial(_packets, link.name))
                    self._ground.saw(device, told)


def _packets(name: str) -> tuple[int, int]:
    """Of an interface of the namespace the calling thread is in."""
    lines = (line.split(":") for line in _COUNTS.read_text().splitlines()[2:])
    numbers = {known.strip(): counts.split() for known, counts in lines}[name]
    return int(numbers[_RECEIVED]), int(numbers[_SENT])
