"""What would be done for a load balancer now: a dry run of the plan."""

from __future__ import annotations

from sriov_provider.db import jobs
from sriov_provider.db.engine import Sessions
from sriov_provider.network.base import NetworkClient
from sriov_provider.records import Action, Inventory, Job, ObjectRef, ObjectType
from sriov_provider.worker import facts, flow, plan
from sriov_provider.worker.book import Book
from sriov_provider.worker.run import Run, Services
from sriov_provider.worker.trees import TreeReader


def steps(
    load_balancer_id: str,
    inventory: Inventory,
    trees: TreeReader,
    services: Services,
    sessions: Sessions,
    network: NetworkClient,
) -> list[str]:
    """Names of the tasks an update of the load balancer would run, in order."""
    kind = ObjectType.LOADBALANCER
    ref = ObjectRef(kind, load_balancer_id, Action.UPDATE)
    job = Job("dry-run", load_balancer_id, Action.UPDATE, kind, load_balancer_id, (ref,))
    lb = trees.read(load_balancer_id, inventory)
    silent = facts.silent_ones(inventory, services.amphora)
    known = facts.gather(lb, inventory, network, services.settings.amphora, silent=silent)
    made = plan.make(job, lb, inventory, known)
    # There is no such job on record: nothing can be written for it.
    book = Book(sessions, inventory, jobs.fence(job, 0))
    run = Run(made, services, network, book, check_lease=lambda job: None)
    return flow.describe(flow.build(run))
