"""One of everything that workers and health managers do with the database, one after the other,
and what is in the tables then."""

from __future__ import annotations

import dataclasses
import datetime
import uuid
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from sriov_provider.api.store import DatabaseStore
from sriov_provider.db import children, firewall_checks, jobs, models, outbox, reasons, renewals
from sriov_provider.db import inventory as inventory_db
from sriov_provider.db.engine import Sessions
from sriov_provider.db.firewall_checks import Look
from sriov_provider.db.types import utcnow
from sriov_provider.errors import Code, Reason
from sriov_provider.health import message
from sriov_provider.health.counts import Counts
from sriov_provider.health.failovers import Failovers
from sriov_provider.health.policy import Rules
from sriov_provider.health.writer import Writer
from sriov_provider.records import (
    Action,
    AmphoraRecord,
    AmphoraState,
    ChildRecord,
    Inventory,
    Job,
    JobState,
    LoadBalancerRecord,
    ObjectType,
    PortRecord,
    PortRole,
    PortState,
)
from sriov_provider.status.outbox import Outbox
from sriov_provider.status.statistics import Statistics
from sriov_provider.worker.book import Book
from tests.unit.health.beats import said as told_by_agent
from tests.unit.health.beats import stats

_SPACE = uuid.UUID(int=1)
_HOUR = datetime.timedelta(hours=1)
# Numbers that count up over all stories, and what is made of ids: whether it is there.
_VOLATILE = {"seq", "sender", "fingerprint"}


class Story:
    """Told any number of times on one database, each time about objects of its own."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._names: dict[str, str] = {}
        self._said: list[Any] = []

    def tell(self, name: str) -> dict[str, Any]:
        """What is in the tables at the end, by table, and what Octavia heard; ids by their role."""
        self._names, self._said = {}, []
        lb = self._id(name, "lb")
        self._work(lb, name)
        self._hear(lb, name)
        self._look(lb, name)
        found = self._sessions.read(lambda s: self._dump(s, lb))
        self._sessions.run(lambda s: _tidy(s, lb))
        return found

    def _id(self, name: str, role: str) -> str:
        made = str(uuid.uuid5(_SPACE, name + role))
        self._names[made] = role
        return made

    def _run(self, work: Callable[[Session], Any]) -> Any:
        return self._sessions.run(work)

    def _work(self, lb: str, name: str) -> None:
        """Jobs: written, taken, given back, taken again, ended, told of."""
        listener, amphora = self._id(name, "listener"), self._id(name, "amphora")
        record = LoadBalancerRecord(lb, "project", "192.0.2.1", "vip", "s", "net")
        child = ChildRecord(listener, ObjectType.LISTENER, lb, lb)
        new = Job(self._id(name, "job"), lb, Action.CREATE, ObjectType.LISTENER, listener)
        DatabaseStore(self._sessions, lambda _id: None).submit(new, record, [child])
        job = self._taken(new.id)
        self._run(lambda s: jobs.release(s, job))
        job = self._taken(new.id)
        self._run(lambda s: jobs.renew(s, job, 60))
        job = self._run(lambda s: jobs.place_elsewhere(s, job, ["host-1"]))
        book = Book(self._sessions, Inventory(record), jobs.fence(job, 60))
        book.save_load_balancer(dataclasses.replace(record, server_group_id="group"))
        book.save_amphora(AmphoraRecord(amphora, lb, AmphoraState.BOOTING, built_by=job.id))
        port = PortRecord(self._id(name, "port"), lb, amphora, "net", PortRole.VIP, "direct")
        book.save_port(dataclasses.replace(port, state=PortState.ATTACHED))
        book.save_port(dataclasses.replace(port, id=self._id(name, "gone")))
        book.drop_port(dataclasses.replace(port, id=self._id(name, "gone")))
        rules = {"firewall_digest": "digest", "firewall_document": {"version": 1}}
        ready = {"state": AmphoraState.READY, "management_ip": "192.0.2.9"}
        book.change_amphora(amphora, **ready, **rules)
        told = {"listeners": [{"id": listener, "provisioning_status": "ERROR"}]}
        why = Reason(Code.NO_VF, "no", "none")
        reason = reasons.record(ObjectType.LISTENER, listener, lb, why, job.id)
        self._run(lambda s: outbox.record_outcome(s, job, JobState.FAILED, told, [reason]))
        self._deliver("outbox")

    def _taken(self, job_id: str) -> Job:
        job = jobs.claim(self._sessions, "worker", 60, job_id)
        assert job is not None
        return job

    def _deliver(self, owner: str) -> None:
        out = Outbox(self._sessions, self._hears, lambda *_: True, owner, 0.0)
        out.deliver_pending()

    def _hears(self, what: dict[str, Any]) -> None:
        self._said.append(self._named(what))

    def _hear(self, lb: str, name: str) -> None:
        """Heartbeats: news, the same again with traffic, then silence."""
        amphora, listener = self._id(name, "amphora"), self._id(name, "listener")
        writer = Writer(self._sessions, 60)
        for number, late in enumerate((_HOUR + _HOUR / 60, _HOUR + _HOUR / 120)):
            moved = stats(rx=5, conns=1)
            told = told_by_agent(amphora, number, pools={})
            told["listeners"] = {listener: {"status": "OPEN", "stats": moved}}
            writer.write([message.build(told, utcnow() - late)])
        self._deliver("outbox")
        Statistics(self._sessions, self._hears).deliver_pending()
        self._run(lambda s: _age(s, lb))
        failovers = Failovers(self._sessions, Rules(), Counts())
        failovers._listening_since -= _HOUR
        failovers.check()
        (job,) = self._sessions.read(lambda s: jobs.unfinished(s, lb))
        self._names[job.id] = "failover"
        taken = self._taken(job.id)
        self._run(lambda s: jobs.finish(s, taken, JobState.DONE))

    def _look(self, lb: str, name: str) -> None:
        """A look at the firewall that finds a drift; a certificate that is renewed."""
        now = utcnow() + _HOUR
        seen = self._sessions.read(lambda s: firewall_checks.due(s, now, 10))
        (mine,) = firewall_checks.claim(self._sessions, seen, now, now + _HOUR)
        repair = Job(self._id(name, "repair"), lb, Action.REPAIR, ObjectType.LOADBALANCER, lb)
        look = Look(mine, now + _HOUR, True, 0, ("fa:16:3e:00:00:01",))

        def write(session: Session) -> bool:
            firewall_checks.settle(session, [look], now)
            return firewall_checks.suspect(session, mine, repair)

        assert self._run(write)
        amphora = self._id(name, "amphora")
        self._run(lambda s: renewals.renewed(s, amphora, now))
        self._run(
            lambda s: children.save(
                s, [ChildRecord(self._id(name, "pool"), ObjectType.POOL, lb, lb)]
            )
        )

    def _dump(self, session: Session, lb: str) -> dict[str, Any]:
        found: dict[str, Any] = {"said": self._said}
        amphora = next(i for i, role in self._names.items() if role == "amphora")
        for table in models.Base.metadata.sorted_tables:
            ids = {"load_balancer_id": lb, "amphora_id": amphora, "id": lb}
            key = next((key for key in ids if key in table.c), None)
            if key:
                query = sa.select(table).where(table.c[key] == ids[key])
                rows = [self._row(row) for row in session.execute(query).mappings()]
                found[table.name] = sorted(rows, key=str)
        return found

    def _row(self, row: Any) -> dict[str, Any]:
        return {
            name: value is not None if _varies(name, value) else self._named(value)
            for name, value in row.items()
        }

    def _named(self, value: Any) -> Any:
        """Ids replaced by their roles."""
        if isinstance(value, dict):
            return {self._named(k): self._named(v) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._named(v) for v in value]
        return self._names.get(value, value) if isinstance(value, str) else value


def _varies(name: str, value: Any) -> bool:
    return name in _VOLATILE or isinstance(value, datetime.datetime)


def _age(session: Session, load_balancer_id: str) -> None:
    """Its amphora was built before it was heard."""
    job = models.Job
    ended = sa.update(job).where(job.load_balancer_id == load_balancer_id)
    session.execute(ended.values(finished_at=utcnow() - 2 * _HOUR))


def _tidy(session: Session, lb: str) -> None:
    """So that the next story meets nothing of this one."""
    session.execute(sa.delete(models.Job).where(models.Job.load_balancer_id == lb))
    session.execute(sa.delete(models.Outbox).where(models.Outbox.load_balancer_id == lb))
    inventory_db.delete_load_balancer(session, lb)
