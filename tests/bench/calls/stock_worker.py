"""octavia-worker, with two defects of Octavia 19 repaired in this process's memory.

Without the first one, every listener on an SR-IOV VIP ends in ERROR and nothing could be compared:
``GetAmphoraFirewallRules`` subscripts the VIP of a load balancer that was serialised without it.
The second one is in the no-op amphora driver only: it does not take an argument that a failover
passes. The installed package stays as it is.
"""

from __future__ import annotations

import sys
from typing import Any

from octavia.amphorae.drivers.noop_driver import driver as noop
from octavia.cmd import octavia_worker
from octavia.controller.worker.v2.tasks import database_tasks
from octavia.db import api

Rules = database_tasks.GetAmphoraFirewallRules
Noop = noop.NoopAmphoraLoadBalancerDriver


class CompleteRules(Rules):  # type: ignore[misc]
    """Hands the task the load balancer that it expects inside the amphora."""

    def execute(self, amphorae: Any, amphora_index: int, amphorae_network_config: Any) -> Any:
        amphora_id = amphorae[amphora_index]["id"]
        amphora = amphorae_network_config[amphora_id]["amphora"]
        session = api.get_session()
        with session.begin():
            found = self.loadbalancer_repo.get(session, id=amphora["load_balancer_id"])
        amphora["load_balancer"] = {
            "vip": {"vnic_type": found.vip.vnic_type},
            "topology": found.topology,
            "amphorae": [
                {"id": a.id, "status": a.status, "vrrp_ip": a.vrrp_ip} for a in found.amphorae
            ],
        }
        return super().execute(amphorae, amphora_index, amphorae_network_config)


class ForgivingNoop(Noop):  # type: ignore[misc]
    """Takes the argument, as the real driver does."""

    def set_interface_rules(self, *arguments: Any, timeout_dict: Any = None) -> None:
        super().set_interface_rules(*arguments)


if __name__ == "__main__":
    database_tasks.GetAmphoraFirewallRules = CompleteRules
    noop.NoopAmphoraLoadBalancerDriver = ForgivingNoop
    sys.argv[0] = "octavia-worker"
    sys.exit(octavia_worker.main())
