"""The parts of this machine that port drivers work with, together."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from sriov_provider.portdriver.base import Settings
from sriov_provider.portdriver.card import Card
from sriov_provider.portdriver.claims import Claims
from sriov_provider.portdriver.fence import Fence, NftFence
from sriov_provider.portdriver.kernel import Links
from sriov_provider.portdriver.kernel_card import KernelCard
from sriov_provider.portdriver.links import KernelLinks

_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclasses.dataclass(frozen=True)
class Machine:
    """:ivar boot: tells this boot from all others: what was set up before it is gone"""

    claims: Claims
    links: Links
    card: Card
    fence: Fence
    boot: str


def machine(settings: Settings) -> Machine:
    """:param settings: of the port driver"""
    return Machine(
        claims=Claims(settings.state_path),
        links=KernelLinks(),
        card=KernelCard(),
        fence=NftFence(),
        boot=_BOOT.read_text().strip() if _BOOT.exists() else "",
    )
