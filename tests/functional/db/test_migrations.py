from __future__ import annotations

import uuid

import pytest
import sqlalchemy as sa
from alembic import autogenerate
from alembic.runtime.migration import MigrationContext

from sriov_provider.db import inventory, jobs, migrate, models
from sriov_provider.db.engine import Sessions, create_engine
from sriov_provider.errors import Code, ProviderError
from sriov_provider.records import (
    Action,
    AmphoraRecord,
    Job,
    LoadBalancerRecord,
    MemberRecord,
    ObjectType,
)


def _inspect(url: str) -> tuple[set[str], dict[str, set[str]]]:
    engine = create_engine(url)
    inspector = sa.inspect(engine)
    tables = set(inspector.get_table_names()) - {migrate.VERSION_TABLE}
    columns = {table: {c["name"] for c in inspector.get_columns(table)} for table in tables}
    engine.dispose()
    return tables, columns


def _differences(url: str) -> list[object]:
    """What the tables lack or have too much, compared with the models."""
    engine = create_engine(url)
    options = {"version_table": migrate.VERSION_TABLE, "compare_type": True}
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        found = autogenerate.compare_metadata(context, models.Base.metadata)
    engine.dispose()
    return list(found)


def test_up_gives_the_schema_of_the_models(url: str) -> None:
    migrate.upgrade(url, "0001")
    missing = [entry for entry in _differences(url) if "vnic_type" in str(entry)]
    assert len(missing) == 2
    migrate.upgrade(url)
    assert _differences(url) == []
    assert _inspect(url)[0] == set(models.Base.metadata.tables)


def test_up_and_down_step_by_step(url: str) -> None:
    assert migrate.current(url) is None
    migrate.upgrade(url, "0001")
    tables, columns = _inspect(url)
    assert {"load_balancer", "member", "amphora", "port", "job", "outbox"} <= tables
    assert "vnic_type" not in columns["load_balancer"] | columns["member"]
    migrate.upgrade(url, "0002")
    _, columns = _inspect(url)
    assert "vnic_type" in columns["load_balancer"] & columns["member"]
    migrate.upgrade(url)
    assert migrate.current(url) == migrate.head()
    assert {"placement", "hosts_tried"} <= _inspect(url)[1]["job"]
    migrate.downgrade(url, "0005")
    tables, columns = _inspect(url)
    assert not {"health", "listener_statistics"} & tables
    assert columns["heartbeat"] == {"amphora_id", "load_balancer_id", "received_at", "busy"}
    migrate.downgrade(url, "0003")
    _, columns = _inspect(url)
    assert not {"placement", "hosts_tried", "vif_type"} & (columns["job"] | columns["port"])
    migrate.downgrade(url, "0001")
    assert migrate.current(url) == "0001"
    assert "vnic_type" not in _inspect(url)[1]["member"]
    migrate.downgrade(url, "base")
    assert migrate.current(url) is None
    assert _inspect(url)[0] == set()
    migrate.upgrade(url)
    assert migrate.current(url) == migrate.head()


def test_rows_survive_and_become_normal(url: str) -> None:
    migrate.upgrade(url)
    lb = LoadBalancerRecord(str(uuid.uuid4()), "p", "10.0.0.1", "v", "s", "n", vnic_type="direct")
    member = MemberRecord("m", lb.id, "pool", "10.0.0.2", None, vnic_type="direct")
    amphora = AmphoraRecord("a", lb.id)
    sessions = Sessions(url)
    sessions.run(lambda session: inventory.save_load_balancer(session, lb))
    sessions.run(lambda session: inventory.replace_members(session, lb.id, (member,)))
    sessions.run(lambda session: inventory.save_amphora(session, amphora))
    sessions.dispose()
    migrate.downgrade(url, "0001")
    migrate.upgrade(url)
    found = sessions.read(lambda session: inventory.read(session, lb.id))
    sessions.dispose()
    assert found.load_balancer is not None
    assert found.load_balancer.vnic_type == "normal"
    assert [m.vnic_type for m in found.members] == ["normal"]
    assert found.amphorae == (amphora,)


def test_repair_jobs_do_not_meet_code_that_does_not_know_them(url: str) -> None:
    migrate.upgrade(url)
    sessions = Sessions(url)
    for action in (Action.REPAIR, Action.UPDATE):
        job = Job(action.value, "lb", action, ObjectType.LOADBALANCER, "lb")
        sessions.run(lambda session, job=job: jobs.enqueue(session, job))  # type: ignore[misc]
    sessions.dispose()
    migrate.downgrade(url, "0004")
    found = sessions.read(lambda session: jobs.unfinished(session, "lb"))
    sessions.dispose()
    assert [job.action for job in found] == [Action.UPDATE]


def test_unknown_revision_is_explained(url: str) -> None:
    with pytest.raises(ProviderError) as raised:
        migrate.upgrade(url, "9999")
    assert raised.value.reason.code is Code.CONFIGURATION
    assert "9999" in raised.value.reason.operator


def test_a_database_without_tables_is_explained(url: str) -> None:
    with pytest.raises(ProviderError) as raised:
        Sessions(url).read(lambda session: inventory.read(session, "lb"))
    assert raised.value.reason.code is Code.DATABASE
    assert "load_balancer" in raised.value.reason.operator
    assert not raised.value.retriable
