from __future__ import annotations

import dataclasses
import datetime

from sriov_provider.db import inventory, reasons
from sriov_provider.db.engine import Sessions
from sriov_provider.errors import Code, Reason
from sriov_provider.records import (
    AmphoraRecord,
    AmphoraState,
    Inventory,
    LoadBalancerRecord,
    MemberRecord,
    ObjectType,
    PortRecord,
    PortRole,
    PortState,
)
from sriov_provider.vnic import Filter

LB = LoadBalancerRecord(
    id="lb",
    project_id="project",
    vip_address="2001:db8::10",
    vip_port_id="vip-port",
    vip_subnet_id="vip-subnet",
    vip_network_id="vip-net",
    vnic_type="direct",
    topology="SINGLE",
    flavor={"sriov_vip": True, "compute_flavor": "6", "name": "größer"},
    availability_zone={"compute_zone": "az1"},
    additional_vips=({"address": "192.0.2.9", "subnet_id": "s2", "port_id": None},),
    server_group_id="group",
    security_group_id="security-group",
)
AMPHORA = AmphoraRecord(
    id="amphora",
    load_balancer_id="lb",
    state=AmphoraState.READY,
    compute_id="server",
    host="host1",
    management_ip="192.0.2.5",
    certificate_expires=datetime.datetime(
        2027, 1, 2, 3, 4, 5, 678901, tzinfo=datetime.timezone.utc
    ),
    firewall_document={"chains": {"vip": [{"port": 80}]}},
    built_by="job",
)
PORT = PortRecord(
    id="row",
    load_balancer_id="lb",
    amphora_id="amphora",
    network_id="vip-net",
    role=PortRole.VIP,
    vnic_type="direct",
    state=PortState.ATTACHED,
    neutron_id="neutron-port",
    mac="fa:16:3e:00:00:01",
    filter=Filter.AMPHORA,
    addresses=(("subnet", "192.0.2.7"), ("subnet6", "2001:db8::7")),
    pci_slot="0000:3b:02.1",
)
MEMBER = MemberRecord("member", "lb", "pool", "10.0.0.5", "subnet", "direct", "net", failed=True)
REASON = Reason(Code.NO_VF, "No SR-IOV capacity is left.", "No VF left on host1 for net.")


def _save_all(sessions: Sessions) -> None:
    sessions.run(lambda session: inventory.save_load_balancer(session, LB))
    sessions.run(lambda session: inventory.save_amphora(session, AMPHORA))
    sessions.run(lambda session: inventory.save_port(session, PORT))
    sessions.run(lambda session: inventory.replace_members(session, "lb", (MEMBER,)))


def _read(sessions: Sessions) -> Inventory:
    return sessions.read(lambda session: inventory.read(session, "lb"))


def _add_reason(sessions: Sessions, reason: Reason) -> None:
    record = reasons.record(ObjectType.MEMBER, "member", "lb", reason, "job")
    sessions.run(lambda session: reasons.add(session, record))


def test_records_come_back_as_they_were_saved(sessions: Sessions) -> None:
    assert _read(sessions) == Inventory(None)
    _save_all(sessions)
    _add_reason(sessions, dataclasses.replace(REASON, user="older"))
    _add_reason(sessions, REASON)
    assert _read(sessions) == Inventory(LB, (AMPHORA,), (PORT,), (MEMBER,), {"member": REASON})


def test_saving_again_replaces(sessions: Sessions) -> None:
    _save_all(sessions)
    changed = dataclasses.replace(PORT, state=PortState.LEAKED, neutron_id=None, addresses=())
    without_document = dataclasses.replace(AMPHORA, firewall_document=None)
    sessions.run(lambda session: inventory.save_port(session, changed))
    sessions.run(lambda session: inventory.save_amphora(session, without_document))
    found = _read(sessions)
    assert found.ports == (changed,)
    assert found.amphorae == (without_document,)


def test_members_are_replaced_as_a_whole(sessions: Sessions) -> None:
    _save_all(sessions)
    new = (dataclasses.replace(MEMBER, id="m2"), dataclasses.replace(MEMBER, id="m3"))
    sessions.run(lambda session: inventory.replace_members(session, "lb", new))
    assert _read(sessions).members == new
    sessions.run(lambda session: inventory.replace_members(session, "lb", ()))
    assert _read(sessions).members == ()


def test_deleting_one_by_one(sessions: Sessions) -> None:
    _save_all(sessions)
    for _ in range(2):  # what is gone is gone
        sessions.run(lambda session: inventory.delete_port(session, "row"))
        sessions.run(lambda session: inventory.delete_amphora(session, "amphora"))
    assert _read(sessions) == Inventory(LB, members=(MEMBER,))


def test_a_deleted_load_balancer_leaves_only_leaked_ports(sessions: Sessions) -> None:
    _save_all(sessions)
    _add_reason(sessions, REASON)
    leaked = dataclasses.replace(PORT, id="leaked", state=PortState.LEAKED)
    sessions.run(lambda session: inventory.save_port(session, leaked))
    sessions.run(lambda session: inventory.delete_load_balancer(session, "lb"))
    assert _read(sessions) == Inventory(None, ports=(leaked,))
    assert sessions.read(lambda session: reasons.of_load_balancer(session, "lb")) == ()


def test_reasons_newest_first_and_cleared_by_object(sessions: Sessions) -> None:
    newest = dataclasses.replace(REASON, operator="x" * 10_000)
    _add_reason(sessions, REASON)
    _add_reason(sessions, newest)
    found = sessions.read(lambda session: reasons.of_load_balancer(session, "lb"))
    assert [len(record.operator) for record in found] == [reasons.LIMIT, len(REASON.operator)]
    assert found[0].created_at is not None
    assert found[0].created_at.tzinfo is datetime.timezone.utc
    assert (
        sessions.read(lambda session: reasons.latest_of(session, ObjectType.POOL, ["member"])) == {}
    )
    sessions.run(lambda session: reasons.clear(session, ObjectType.MEMBER, "member"))
    assert sessions.read(lambda session: reasons.of_load_balancer(session, "lb")) == ()
