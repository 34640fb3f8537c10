"""A whole amphora on the guest itself, with its agent, whose ports are VFs."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

from sriov_provider.portdriver.base import Settings
from sriov_provider.portdriver.host import HostPorts
from tests.igb.guest.ground import PHYSNET, STATE, Ground


def life(ground: Ground) -> None:
    """Boot, hot-plug, traffic, refusal, hot-unplug, delete."""
    # Half a minute of imports, which no other check needs.
    from tests.functional.local import scenes, stage, stage_lb

    wires = [
        HostPorts(Settings(((PHYSNET, card.pf),), STATE / f"local-{card.pf}"))
        for card in ground.cards
    ]

    class OnVfs(stage.Stage):
        """The amphora's ports on one card, those of clients and members on the other one."""

        def __init__(self, place: Path | None = None) -> None:
            super().__init__(place)
            for network in self.neutron.networks.values():
                network["provider:physical_network"] = PHYSNET
            self.wires, self.others = wires
            self.compute = self.worker()

    with mock.patch.object(stage_lb, "Stage", OnVfs):
        scenes.life()
    for one in wires:
        one.reconcile(())
