"""Security groups and server groups."""

from __future__ import annotations

import dataclasses

from sriov_provider.firewall.group import group_rules
from sriov_provider.records import LoadBalancerRecord
from sriov_provider.vnic import Filter
from sriov_provider.worker import roles
from sriov_provider.worker.plan_model import Group
from sriov_provider.worker.run import Run
from sriov_provider.worker.tasks.base import Step


def _record(run: Run) -> LoadBalancerRecord:
    record = run.book.load_balancer
    assert record is not None, "the driver writes the record with the first job"
    return record


class EnsureSecurityGroup(Step):
    """The load balancer's own group is on every port, whatever its kind: without one Neutron adds
    the project's default group, which an offloaded port enforces."""

    def execute(self) -> None:
        record, plan = _record(self.run), self.run.plan
        if record.security_group_id and Group.SECURITY not in plan.groups_in_doubt:
            return
        network = self.run.network
        group = network.ensure_security_group(plan.group_name, plan.owner, self.run.check_lease)
        if group != record.security_group_id:
            self.run.book.save_load_balancer(dataclasses.replace(record, security_group_id=group))


class EnsureServerGroup(Step):
    """The pair's anti-affinity."""

    def execute(self) -> None:
        record, plan = _record(self.run), self.run.plan
        policy = plan.server_group_policy
        known = record.server_group_id and Group.SERVER not in plan.groups_in_doubt
        if known or policy is None:
            return
        name = f"octavia-lb-{record.id}"
        group = self.run.services.compute.ensure_server_group(name, policy)
        if group != record.server_group_id:
            self.run.book.save_load_balancer(dataclasses.replace(record, server_group_id=group))


class SyncGroupRules(Step):
    """Listener rules in Neutron, only where Neutron is the one who filters the VIP."""

    def execute(self) -> None:
        ports = [self.run.book.vip_port(a.record.id) for a in self.run.plan.amphorae]
        if not any(p and p.filter is Filter.NEUTRON for p in ports):
            return
        group = _record(self.run).security_group_id
        assert group is not None
        # The rules of a pair are the same for both: each has the other as peer.
        pair = self.run.plan.topology != roles.SINGLE
        peers = [a.vrrp_ip for a in self.run.together() if pair and a.vrrp_ip]
        self.run.network.set_group_rules(group, group_rules(self.run.serve(), peers))


class ReleaseGroups(Step):
    """Both groups of a load balancer that goes."""

    def execute(self) -> None:
        run, record = self.run, self.run.book.load_balancer
        group = record.security_group_id if record else None
        group = group or run.network.find_security_group(run.plan.group_name)
        if group:
            run.network.delete_security_group(group)
        if record and record.server_group_id:
            run.services.compute.delete_server_group(record.server_group_id)
        if record:
            run.book.save_load_balancer(
                dataclasses.replace(record, security_group_id=None, server_group_id=None)
            )
