"""Two ways from a load balancer to the rules of its amphora: Octavia's own, and ours.

Of Octavia everything is real that decides: the tasks of the worker with their queries on a
database, the agent's writer of the rules file, and nft. Between worker and agent there is no wire.
"""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest
import sqlalchemy as sa
from octavia.amphorae.backends.agent.api_server import rules_schema, server
from octavia.amphorae.backends.utils import interface, nftable_utils
from octavia.common import config  # noqa: F401  (registers the options)
from octavia.common import constants as consts
from octavia.controller.worker.v2.tasks import (
    amphora_driver_tasks,
    database_tasks,
    network_tasks,
)
from octavia.db import api, base_models, models
from octavia.network import data_models
from sqlalchemy import orm

from amphora_agent_ext import render
from sriov_provider import tree
from sriov_provider.amphora import security_group
from sriov_provider.amphora.base import FirewallState
from sriov_provider.errors import Code, ProviderError
from sriov_provider.firewall.document import Interface, document, peer_port
from sriov_provider.records import Action, AmphoraRecord, Job, ObjectRef, ObjectType
from sriov_provider.vnic import Filter
from sriov_provider.worker.desired import without_deleted
from sriov_provider.worker.tasks.amphorae import apply_rules, in_force
from sriov_provider.worker.tasks.firewall import RepairFirewall
from tests.functional.agent import conftest as world

LB, AMPHORA, PEER = "lb", "amphora", "peer"


class Defect(AssertionError):
    """The rules do what they must not. Any other failure is one of the test."""


class Refused(Defect):
    """nft does not take the rules."""


@dataclasses.dataclass(frozen=True)
class Scene:
    """What a load balancer's owner has asked for.

    :ivar deleted: ids of listeners that are being deleted
    :ivar version: IP version of the pair's own addresses
    """

    listeners: tuple[tree.Listener, ...] = ()
    deleted: tuple[str, ...] = ()
    members: tuple[tree.Member, ...] = ()
    pair: bool = False
    version: int = 4

    @property
    def topology(self) -> str:
        return "ACTIVE_STANDBY" if self.pair else "SINGLE"

    @property
    def peer(self) -> str:
        return world.PEER4 if self.version == 4 else world.PEER6


class Stock:
    """Octavia's way.

    :ivar reachable: whether the agent answers the worker
    """

    table = consts.NFT_TABLE

    def __init__(self, amphora: world.Amphora, directory: Path, patch: pytest.MonkeyPatch) -> None:
        self.reachable = True
        engine = sa.create_engine("sqlite://", poolclass=sa.pool.StaticPool)
        base_models.BASE.metadata.create_all(engine)
        self._session = orm.sessionmaker(engine)
        patch.setattr(api, "get_session", self._session)
        patch.setattr(consts, "NFT_RULES_FILE", str(directory / "nftables-vip.rules"))
        patch.setattr(consts, "AMPHORA_NAMESPACE", amphora.space.name)
        self._store_amphorae()

    def apply(self, scene: Scene, *, complete: bool = True) -> None:
        """What the flow for a listener does with the firewall.

        :param complete: repair what the tasks hand on, which otherwise ends every flow
        """
        if not Path(consts.NFT_RULES_FILE).exists():
            self._plug("eth1")
        self._store(scene)
        networks = self._networks()
        if complete:
            networks[AMPHORA]["amphora"]["load_balancer"] = {
                "vip": {"vnic_type": consts.VNIC_TYPE_DIRECT},
                "topology": scene.topology,
                "amphorae": [{"id": PEER, "status": "ALLOCATED", "vrrp_ip": scene.peer}],
            }
        amphorae = [{"id": AMPHORA, "vrrp_ip": world.BASE4}]
        rules = database_tasks.GetAmphoraFirewallRules().execute(amphorae, 0, networks)
        task = amphora_driver_tasks.SetAmphoraFirewallRules()
        task.amphora_driver = SimpleNamespace(set_interface_rules=self._agent)
        status = {AMPHORA: {consts.UNREACHABLE: not self.reachable}}
        task.execute(amphorae, 0, rules, status)

    def later(self, scene: Scene) -> None:
        """Nothing comes back to what was left out."""

    def check(self) -> None:
        """Nothing looks at the rules: neither the health manager nor housekeeping."""

    def plug_member(self) -> None:
        """A virtual function comes up that serves members; the VIP is on no such one."""
        self._plug("eth2")

    def _plug(self, name: str) -> None:
        link = SimpleNamespace(name=name, is_sriov=True)
        with pytest.MonkeyPatch.context() as patch, pytest.raises(InterruptedError):
            # What comes after the rules is none of theirs.
            patch.setattr(interface.pyroute2, "IPRoute", _stop)
            interface.InterfaceController().up(link)

    def read(self) -> object:
        """The agent's answer to the question what it applies; None when it takes no such one."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(server.plug.Plug, "plug_lo", lambda _: None)
            rules = server.Server(None).app.url_map.iter_rules()
        found = [r for r in rules if r.rule.endswith("/rules") and "GET" in (r.methods or ())]
        return found or None

    def _agent(self, _: Any, __: str, rules: list[dict[str, Any]], timeout_dict: Any) -> None:
        """The agent's end of the call."""
        jsonschema.validate(rules, rules_schema.SUPPORTED_RULES_SCHEMA)
        nftable_utils.write_nftable_rules_file("eth1", rules)
        try:
            nftable_utils.load_nftables_file()
        except subprocess.CalledProcessError as error:
            raise Refused(error.output.decode()) from error

    def _networks(self) -> dict[str, Any]:
        task = network_tasks.GetAmphoraeNetworkConfigs()
        task._network_driver = SimpleNamespace(
            get_network_configs=lambda lb: {
                a.id: data_models.AmphoraNetworkConfig(amphora=a) for a in lb.amphorae
            }
        )
        found: dict[str, Any] = task.execute(LB)
        return found

    def _store_amphorae(self) -> None:
        with self._session() as session, session.begin():
            session.add(
                models.LoadBalancer(
                    id=LB, provisioning_status="ACTIVE", operating_status="ONLINE", enabled=True
                )
            )
            session.add(models.Vip(load_balancer_id=LB, vnic_type=consts.VNIC_TYPE_DIRECT))
            for name in (AMPHORA, PEER):
                session.add(models.Amphora(id=name, load_balancer_id=LB, status="ALLOCATED"))

    def _store(self, scene: Scene) -> None:
        with self._session() as session, session.begin():
            session.query(models.ListenerCidr).delete()
            session.query(models.Listener).delete()
            for x in scene.listeners:
                status = "PENDING_DELETE" if x.id in scene.deleted else "ACTIVE"
                session.add(
                    models.Listener(
                        id=x.id,
                        load_balancer_id=LB,
                        protocol=x.protocol,
                        protocol_port=x.port,
                        provisioning_status=status,
                        operating_status="ONLINE",
                        enabled=True,
                    )
                )
                for cidr in x.allowed_cidrs:
                    session.add(models.ListenerCidr(listener_id=x.id, cidr=cidr))


class Ours:
    """The worker's document and the agent that applies it; the same calls as above."""

    table = render.TABLE

    def __init__(self, amphora: world.Amphora) -> None:
        self.reachable = True
        self._amphora = amphora
        self._record = AmphoraRecord(AMPHORA, LB)
        self._run: Any = SimpleNamespace(
            endpoint=lambda amphora_id: amphora_id,
            book=SimpleNamespace(change_amphora=self._change, amphora=lambda _: self._record),
            services=SimpleNamespace(
                amphora=SimpleNamespace(apply_firewall=self._agent, firewall=self._look)
            ),
            repairs=[],
        )
        self._plan: Any = SimpleNamespace(record=self._record)

    def apply(self, scene: Scene, *, complete: bool = True) -> None:
        rules = self._rules(scene)
        try:
            apply_rules(self._run, AMPHORA, rules)
        except ProviderError:
            if self.reachable:
                raise

    def later(self, scene: Scene) -> None:
        """The next job of the load balancer."""
        if not in_force(self._record, rules := self._rules(scene)):
            apply_rules(self._run, AMPHORA, rules)

    def check(self) -> None:
        """What the worker does to each amphora from time to time."""
        RepairFirewall(self._run, self._plan).execute()

    def plug_member(self) -> None:
        vip, member = INTERFACES
        open_vip = dataclasses.replace(vip, filter=Filter.NEUTRON)
        apply_rules(self._run, AMPHORA, document(_tree(Scene()), [open_vip, member]))

    def read(self) -> object:
        told = self._amphora.get()
        return told if told["digest"] == self._record.firewall_digest else None

    def _rules(self, scene: Scene) -> dict[str, Any]:
        gone = tuple(ObjectRef(ObjectType.LISTENER, i, Action.DELETE) for i in scene.deleted)
        job = Job("job", LB, Action.DELETE, ObjectType.LISTENER, "", objects=gone)
        lb = without_deleted(_tree(scene), job)
        peers = (scene.peer,) if scene.pair else ()
        return document(lb, INTERFACES, peers, peer_port(lb))

    def _change(self, _: str, **values: Any) -> None:
        self._record = dataclasses.replace(self._record, **values)

    def _agent(self, endpoint: str, rules: Any) -> FirewallState:
        if not self.reachable:
            raise ProviderError(Code.AGENT_UNREACHABLE, "", f"{endpoint} does not answer")
        answer = self._amphora.post(rules)
        assert answer.status_code == 200, answer.text
        return security_group.parse(answer.json or {})

    def _look(self, _: str, **__: Any) -> FirewallState:
        return security_group.parse(self._amphora.get())


INTERFACES = (
    Interface(
        world.MACS["eth1"],
        Filter.AMPHORA,
        (world.VIP4, world.VIP6),
        (world.BASE4, world.BASE6),
    ),
    Interface(world.MACS["eth2"], Filter.AMPHORA, (), (world.MEMBER4, world.MEMBER6)),
)


def _tree(scene: Scene) -> tree.LoadBalancer:
    pool = tree.Pool("pool", "TCP", "ROUND_ROBIN", members=scene.members)
    return tree.LoadBalancer(
        *(LB, "project", world.VIP4, "port", "subnet", "network"),
        listeners=scene.listeners,
        pools=(pool,),
    )


def _stop() -> None:
    raise InterruptedError
