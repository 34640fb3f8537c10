"""The stock provider's rules: written and loaded by the installed octavia package itself."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from octavia.amphorae.backends.utils import nftable_utils
from octavia.common import constants, utils

from sriov_provider import tree
from tests.bench.firewall.cases import PEER


def rules(load_balancer: tree.LoadBalancer) -> list[dict[str, Any]]:
    """What the stock worker sends to the amphora of an ACTIVE_STANDBY pair.

    One entry for each row of a join of listeners and CIDRs, as its repository makes them
    (``get_port_protocol_cidr_for_lb``), and one for VRRP (``GetAmphoraFirewallRules``).
    """
    rows = [
        utils.map_protocol_to_nftable_protocol(
            {
                constants.PROTOCOL: listener.protocol,
                constants.CIDR: cidr,
                constants.PORT: listener.port,
            }
        )
        for listener in load_balancer.listeners
        for cidr in listener.allowed_cidrs or (None,)
    ]
    vrrp = {
        constants.PROTOCOL: constants.VRRP,
        constants.CIDR: f"{PEER}/32",
        constants.PORT: 112,
    }
    return [*rows, vrrp]


class Firewall:
    """The stock agent's rules file and what it loads it with. Call from the main thread.

    :param netns: network namespace of the amphora
    :param directory: for the rules file
    """

    def __init__(self, netns: str, directory: Path) -> None:
        self._netns, self._file = netns, directory / "nftables-vip.rules"

    def boot(self) -> None:
        """What the agent does when the interface goes up: without a file, write a base one."""
        self._load([])

    def apply(self, rules: list[dict[str, Any]]) -> None:
        """What the agent does with rules that the worker sends."""
        self._load(rules)

    def _load(self, rules: list[dict[str, Any]]) -> None:
        with self._constants():
            nftable_utils.write_nftable_rules_file(constants.NETNS_PRIMARY_INTERFACE, rules)
            nftable_utils.load_nftables_file()

    @contextlib.contextmanager
    def _constants(self) -> Iterator[None]:
        with (
            mock.patch.object(constants, "NFT_RULES_FILE", str(self._file)),
            mock.patch.object(constants, "AMPHORA_NAMESPACE", self._netns),
        ):
            yield
