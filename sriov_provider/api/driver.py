"""The provider driver inside octavia-api: validate, write a job, wake a worker.

Octavia makes a new driver object for every request, so what is costly (settings, database engine,
messaging, connections to the cloud) is made on first use and shared by the process. The answer
waits for the cloud no longer than the preflight may take, and needs nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from octavia_lib.api.drivers import data_models, exceptions, provider_base

from sriov_provider.api import accept, flavor_schema, load_balancers, refs
from sriov_provider.api.attributes import get
from sriov_provider.api.intake import Intake
from sriov_provider.api.preflight import Preflight
from sriov_provider.api.services import Services, shared
from sriov_provider.records import Action, ObjectRef, ObjectType


class SriovProviderDriver(provider_base.ProviderDriver):  # type: ignore[misc]
    """All verbs of octavia-lib's ``ProviderDriver``.

    Every verb but the metadata getters raises octavia-lib's ``UnsupportedOptionError`` for what is
    refused and ``DriverError`` when the provider's database cannot be reached.

    :param services: where the driver gets the outside world from, on first use
    """

    def __init__(self, services: Callable[[], Services] = shared) -> None:
        super().__init__()
        self._services = services
        self._flavor: Mapping[str, Any] = {}

    @cached_property
    def _preflight(self) -> Preflight:
        """One for all calls of a request: they share its time."""
        return self._services().preflight()

    @property
    def _intake(self) -> Intake:
        return Intake(self._services().store, self._preflight)

    # Load balancer
    def create_vip_port(
        self,
        loadbalancer_id: str,
        project_id: str,
        vip_dictionary: Mapping[str, Any],
        additional_vip_dicts: Any,
    ) -> Any:
        """Left to Octavia on purpose: it then makes, owns and deletes the VIP port.

        Refused here is what can be without knowing listeners and pools, before there is a port.

        :raises NotImplementedError: octavia-lib's, when nothing is refused
        """
        topology = self._services().topology
        balancer = data_models.LoadBalancer(
            loadbalancer_id=loadbalancer_id,
            project_id=project_id,
            additional_vips=additional_vip_dicts,
            flavor=self._flavor,
            **{k: v for k, v in vip_dictionary.items() if k.startswith("vip_")},
        )
        load_balancers.accept_tree(balancer, topology)
        self._preflight.vip(load_balancers.record(balancer, topology))
        raise exceptions.NotImplementedError(
            user_fault_string="The VIP port is made by Octavia.",
            operator_fault_string="The SR-IOV provider leaves the VIP port to Octavia.",
        )

    def loadbalancer_create(self, loadbalancer: Any) -> None:
        try:
            self._create(loadbalancer)
        except (exceptions.UnsupportedOptionError, exceptions.DriverError):
            self._services().vip_ports.release(
                get(loadbalancer, "vip_port_id", ""), get(loadbalancer, "loadbalancer_id")
            )
            raise

    def _create(self, loadbalancer: Any) -> None:
        topology = self._services().topology
        load_balancers.accept_tree(loadbalancer, topology)
        record = load_balancers.record(loadbalancer, topology)
        self._preflight.load_balancer(record, load_balancers.members(loadbalancer))
        self._intake.load_balancer(
            refs.family(loadbalancer, Action.CREATE),
            record=record,
            known=refs.children(loadbalancer),
        )

    def loadbalancer_delete(self, loadbalancer: Any, cascade: bool = False) -> None:
        objects = refs.family(loadbalancer, Action.DELETE)
        self._intake.load_balancer(objects if cascade else objects[:1], cascade=cascade)

    def loadbalancer_failover(self, loadbalancer_id: str) -> None:
        ref = ObjectRef(ObjectType.LOADBALANCER, loadbalancer_id, Action.FAILOVER)
        self._intake.load_balancer((ref,))

    def loadbalancer_update(self, old_loadbalancer: Any, new_loadbalancer: Any) -> None:
        load_balancer_id = get(old_loadbalancer, "loadbalancer_id")
        values = refs.expected(new_loadbalancer)
        ref = ObjectRef(ObjectType.LOADBALANCER, load_balancer_id, Action.UPDATE, expected=values)
        self._intake.load_balancer((ref,))

    # Listener
    def listener_create(self, listener: Any) -> None:
        accept.listener(listener)
        self._intake.create(ObjectType.LISTENER, listener)

    def listener_delete(self, listener: Any) -> None:
        self._intake.delete(ObjectType.LISTENER, listener)

    def listener_update(self, old_listener: Any, new_listener: Any) -> None:
        accept.alpn(new_listener)
        self._intake.update(ObjectType.LISTENER, old_listener, new_listener)

    # Pool
    def pool_create(self, pool: Any) -> None:
        accept.pool(pool)
        self._intake.create(ObjectType.POOL, pool)

    def pool_delete(self, pool: Any) -> None:
        self._intake.delete(ObjectType.POOL, pool)

    def pool_update(self, old_pool: Any, new_pool: Any) -> None:
        accept.alpn(new_pool)
        if get(new_pool, "lb_algorithm"):
            accept.algorithm(new_pool)
        self._intake.update(ObjectType.POOL, old_pool, new_pool)

    # Member
    def member_create(self, member: Any) -> None:
        self._intake.create_member(member)

    def member_delete(self, member: Any) -> None:
        self._intake.delete(ObjectType.MEMBER, member)

    def member_update(self, old_member: Any, new_member: Any) -> None:
        self._intake.update(ObjectType.MEMBER, old_member, new_member)

    def member_batch_update(self, pool_id: str, members: list[Any]) -> None:
        self._intake.batch_members(pool_id, members)

    # Health monitor
    def health_monitor_create(self, healthmonitor: Any) -> None:
        self._intake.create(ObjectType.HEALTHMONITOR, healthmonitor)

    def health_monitor_delete(self, healthmonitor: Any) -> None:
        self._intake.delete(ObjectType.HEALTHMONITOR, healthmonitor)

    def health_monitor_update(self, old_healthmonitor: Any, new_healthmonitor: Any) -> None:
        self._intake.update(ObjectType.HEALTHMONITOR, old_healthmonitor, new_healthmonitor)

    # L7 policy
    def l7policy_create(self, l7policy: Any) -> None:
        self._intake.create_l7policy(l7policy)

    def l7policy_delete(self, l7policy: Any) -> None:
        self._intake.delete(ObjectType.L7POLICY, l7policy)

    def l7policy_update(self, old_l7policy: Any, new_l7policy: Any) -> None:
        self._intake.update(ObjectType.L7POLICY, old_l7policy, new_l7policy)

    # L7 rule
    def l7rule_create(self, l7rule: Any) -> None:
        self._intake.create(ObjectType.L7RULE, l7rule)

    def l7rule_delete(self, l7rule: Any) -> None:
        self._intake.delete(ObjectType.L7RULE, l7rule)

    def l7rule_update(self, old_l7rule: Any, new_l7rule: Any) -> None:
        self._intake.update(ObjectType.L7RULE, old_l7rule, new_l7rule)

    # Flavor and availability zone
    def get_supported_flavor_metadata(self) -> dict[str, str]:
        return flavor_schema.descriptions(flavor_schema.FLAVOR)

    def validate_flavor(self, flavor_metadata: Mapping[str, Any]) -> None:
        flavor_schema.check_flavor(flavor_metadata)
        self._preflight.flavor(flavor_metadata)
        # Octavia has every flavor judged once more before it asks for the VIP port, and does not
        # repeat it there.
        self._flavor = flavor_metadata

    def get_supported_availability_zone_metadata(self) -> dict[str, str]:
        return flavor_schema.descriptions(flavor_schema.AVAILABILITY_ZONE)

    def validate_availability_zone(self, availability_zone_metadata: Mapping[str, Any]) -> None:
        flavor_schema.check_availability_zone(availability_zone_metadata)
