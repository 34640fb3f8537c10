from __future__ import annotations

import dataclasses

from sqlalchemy.orm import Session

from sriov_provider.capacity.model import Holding, Inside
from sriov_provider.db import holdings, inventory, jobs, outbox
from sriov_provider.db.engine import Sessions
from sriov_provider.records import (
    Action,
    AmphoraRecord,
    AmphoraState,
    Job,
    LoadBalancerRecord,
    ObjectType,
    PortRecord,
    PortRole,
    PortState,
)

LB = LoadBalancerRecord("lb1", "project", "192.0.2.1", "vip", "s", "net1", "direct")
AMPHORA = AmphoraRecord("amp1", "lb1", AmphoraState.READY, host="compute1")
PORT = PortRecord(
    "row1", "lb1", "amp1", "net1", PortRole.VIP, "direct", PortState.ATTACHED, neutron_id="port1"
)


def test_empty_tables_hold_nothing(sessions: Sessions) -> None:
    nothing = {"pending": 0, "running": 0, "done": 0, "failed": 0}
    assert sessions.read(holdings.read) == Inside(jobs=nothing)


def _fill(session: Session) -> None:
    first = dataclasses.replace(LB, id="lb2", flavor={"failover_strategy": "release_first"})
    leaving = dataclasses.replace(
        AMPHORA, id="amp2", load_balancer_id="lb2", state=AmphoraState.RELEASING, host=None
    )
    for lb in (LB, first):
        inventory.save_load_balancer(session, lb)
    for amphora in (AMPHORA, leaving):
        inventory.save_amphora(session, amphora)
    member = {"role": PortRole.MEMBER, "network_id": "net2", "neutron_id": None}
    for values in (
        {},
        {"id": "row2", **member, "vnic_type": "macvtap", "state": PortState.WANTED},
        {"id": "row3", "vnic_type": "normal"},
        {"id": "row4", "amphora_id": "amp2", "load_balancer_id": "lb2"},
        {"id": "row5", "amphora_id": "gone", "state": PortState.LEAKED},
    ):
        inventory.save_port(session, dataclasses.replace(PORT, **values))
    job = Job("job1", "lb1", Action.UPDATE, ObjectType.LOADBALANCER, "lb1")
    for job_id in ("job1", "job2"):
        jobs.enqueue(session, dataclasses.replace(job, id=job_id))
    outbox.put(session, "lb1", {"loadbalancers": [{"id": "lb1"}]})


def test_who_holds_what(sessions: Sessions) -> None:
    sessions.run(_fill)
    assert jobs.claim(sessions, "worker", 60) is not None
    found = sessions.read(holdings.read)
    first = Holding(
        *("row1", "lb1", "amp1", "net1", PortRole.VIP, PortState.ATTACHED),
        host="compute1",
        neutron_id="port1",
    )
    second = dataclasses.replace(
        first,
        id="row2",
        network_id="net2",
        role=PortRole.MEMBER,
        state=PortState.WANTED,
        neutron_id=None,
    )
    fourth = dataclasses.replace(
        first, id="row4", load_balancer_id="lb2", amphora_id="amp2", host=None
    )
    fifth = dataclasses.replace(
        first, id="row5", amphora_id="gone", state=PortState.LEAKED, host=None
    )
    assert found.holdings == (first, second, fourth, fifth)
    assert found.release_first == {"lb2"}
    assert found.leaving == {"amp2"}
    assert found.jobs == {"pending": 1, "running": 1, "done": 0, "failed": 0}
    assert found.undelivered == 1
