"""Refuse at once what cannot be built, as far as the cloud tells in time.

A request is never refused for what is unknown: the worker finds out, and says why.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sriov_provider import config, kinds, tree
from sriov_provider.api import preflight_rules as rules
from sriov_provider.api.cloud_reads import CloudReads
from sriov_provider.api.preflight_rules import Attached, Need
from sriov_provider.api.refusal import unsupported
from sriov_provider.records import Inventory, LoadBalancerRecord

LOG = logging.getLogger(__name__)


class Preflight:
    """The checks of one request; the time limit is that of all of them together.

    All verbs raise octavia-lib's ``UnsupportedOptionError``.
    """

    def __init__(
        self, reads: CloudReads, settings: config.Preflight, amphora: config.Amphora
    ) -> None:
        self._reads = reads
        self._settings = settings
        self._amphora = amphora
        self._left = settings.timeout
        self._checked = ""

    def flavor(self, values: Mapping[str, Any]) -> None:
        """What a flavor names has to be there."""
        with self._bounded():
            self._compute_flavor(values.get("compute_flavor"), "compute_flavor")
            tag = values.get("amp_image_tag")
            if tag:
                found = self._reads.has_image(tag, self._amphora.image_owner)
                rules.exists("amp_image_tag", tag, found, "amp_image_tag")

    def vip(self, record: LoadBalancerRecord) -> None:
        """A new load balancer without its children; with an empty ``vip_port_id`` before Octavia
        has made the VIP port, which takes addresses too."""
        self._checked = record.id
        with self._bounded():
            named = record.flavor.get("compute_flavor")
            key = "compute_flavor" if named else ""
            self._compute_flavor(named or self._amphora.flavor, key)
            self._reaches(record.vnic_type, record.vip_network_id, "the VIP")
            self._room(rules.vip_needs(record), rules.vip_subnets(record))

    def load_balancer(self, record: LoadBalancerRecord, members: Iterable[tree.Member]) -> None:
        """A new load balancer, with the members it is created with."""
        rules.routes(record)
        if self._checked != record.id:
            self.vip(record)
        with self._bounded():
            self._members(record, members, rules.of_new(record))

    def members(self, inventory: Inventory, members: Iterable[tree.Member]) -> None:
        """New members of a load balancer that is there."""
        record = inventory.load_balancer
        if record is None:
            return
        with self._bounded():
            self._members(record, members, rules.of_inventory(inventory, record))

    @contextlib.contextmanager
    def _bounded(self) -> Iterator[None]:
        started = time.monotonic()
        try:
            with self._reads.within(self._left):
                yield
        finally:
            spent = time.monotonic() - started
            self._left -= spent
            LOG.debug("Spent %.3f s on what can be told before the request is accepted", spent)

    def _compute_flavor(self, flavor: str | None, key: str) -> None:
        if flavor:
            rules.exists(key, flavor, self._reads.has_flavor(flavor), "amp_flavor_id")

    def _reaches(self, kind: str, network_id: str, what: str) -> None:
        if network_id and rules.needs_physical_network(kind, self._settings.allow_tunnel_networks):
            rules.reaches(kind, self._reads.network(network_id), what)

    def _members(
        self, record: LoadBalancerRecord, members: Iterable[tree.Member], attached: Attached
    ) -> None:
        there, networks = dict(attached.kinds), dict(attached.networks)
        needs: dict[str, Need] = {}
        for member in members:
            subnet = member.subnet_id
            network = subnet and (networks.get(subnet) or self._reads.network_of(subnet))
            if not subnet or not network:
                continue
            networks[subnet] = network
            self._member(record, member, network, there)
            if subnet not in attached.subnets:
                needs.setdefault(subnet, rules.member_need(record, member.address))
        self._room(needs, networks)

    def _member(
        self, record: LoadBalancerRecord, member: tree.Member, network: str, there: dict[str, str]
    ) -> None:
        """:param there: network id -> vnic_type of the port there; grows"""
        kind = kinds.member_kind(member, record.flavor)
        problem = kinds.member_network_problem(member, network, kind, there, record)
        if problem:
            raise unsupported(f"Member {member.address}: {problem.user}", problem.operator)
        if network not in there:
            self._reaches(kind, network, f"member {member.address}")
            there[network] = kind

    def _room(self, needs: Mapping[str, Need], networks: Mapping[str, str]) -> None:
        """:param needs: by subnet id
        :param networks: subnet id -> network id
        """
        if not needs:
            return
        free = self._reads.free_addresses(tuple(dict.fromkeys(networks[s] for s in needs)))
        # The quick answer may be too low, so what seems too little deserves a closer look.
        for subnet, need in needs.items():
            if free.get(subnet, need.count) < need.count:
                rules.has_room(subnet, self._reads.free_in_pools(subnet), need)
