"""A load balancer in these tests."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from typing import Any

from openstack import exceptions

from tests.demo.processes import environment
from tests.demo.report import expect, wait_for
from tests.demo.settings import Settings

SECONDS = 120.0


@dataclasses.dataclass(frozen=True)
class Reason:
    """Why something is in ERROR, as ``sriov-provider explain`` shows it."""

    object_type: str
    object_id: str
    code: str
    user: str
    operator: str


class Balancer:
    """:ivar answered_in: seconds the API took for the create"""

    def __init__(self, settings: Settings, api: Any, made: Any, answered_in: float) -> None:
        self.settings, self.api, self.answered_in = settings, api, answered_in
        self.id, self.vip = str(made.id), str(made.vip_address)
        self.vip_port = str(made.vip_port_id)

    def now(self) -> Any:
        """As the API shows it; None when it is gone."""
        try:
            return self.api.load_balancer.get_load_balancer(self.id)
        except exceptions.NotFoundException:
            return None

    def settled(self, *wanted: str) -> Any:
        """Waits until nothing is pending and wants a provisioning status, by default ACTIVE."""
        wait_for(f"load balancer {self.id} settled", lambda: not self.pending(), SECONDS, 0.4)
        found = self.now()
        seen = found.provisioning_status
        expect(
            seen in (wanted or ("ACTIVE",)),
            f"load balancer is {seen}, wanted {wanted}; {self.reasons()}",
        )
        return found

    def page(self) -> dict[str, Any]:
        """What ``sriov-provider explain`` shows."""
        conf = self.settings.etc / "octavia/octavia.conf"
        command = [f"{self.settings.bin}/sriov-provider", "--config-file", str(conf), "explain"]
        done = subprocess.run(
            [*command, "--no-plan", "-f", "json", self.id],
            capture_output=True,
            text=True,
            env=environment(self.settings),
            check=False,
        )
        expect(done.returncode == 0, f"explain: {done.stderr}")
        page: dict[str, Any] = json.loads(done.stdout)
        return page

    def reasons(self) -> list[Reason]:
        """All that are on record."""
        names = [field.name for field in dataclasses.fields(Reason)]
        return [Reason(*(row[name] for name in names)) for row in self.page()["reasons"]]

    def reason(self, code: str, object_id: str | None = None) -> Reason:
        """The one reason of an object, by default of the load balancer itself."""
        found = [r for r in self.reasons() if r.object_id == (object_id or self.id)]
        expect([r.code for r in found] == [code], f"wanted {code}, on record: {found}")
        return found[0]

    def host(self) -> str:
        """Where its one amphora runs, as Nova says."""
        servers = [a["compute_id"] for a in self.page()["amphorae"]]
        expect(len(servers) == 1, f"{len(servers)} amphorae")
        return str(self.api.compute.get_server(servers[0]).compute_host)

    def port(self, role: str = "vip") -> Any:
        """Its one port in a role, as Neutron shows it."""
        found = [row for row in self.page()["ports"] if row["role"] == role]
        expect(len(found) == 1, f"{role} ports: {found}")
        return self.api.network.get_port(found[0]["neutron_id"])

    def filters(self, role: str = "vip") -> str:
        """Who filters its one port in a role, as the provider has recorded it."""
        return str(next(r["filter"] for r in self.page()["ports"] if r["role"] == role))

    def group_rules(self) -> list[Any]:
        """Ingress rules of its security group."""
        found = self.api.network.find_security_group(f"lb-{self.id}")
        rules = self.api.network.security_group_rules(security_group_id=found.id)
        return [rule for rule in rules if rule.direction == "ingress"]

    def listener(self, **body: Any) -> Any:
        """A new listener, settled."""
        wanted = {"protocol": "HTTP", "protocol_port": 80, **body}
        made = self.api.load_balancer.create_listener(load_balancer_id=self.id, **wanted)
        self.settled()
        return made

    def pool(self, **body: Any) -> Any:
        """A new pool, settled."""
        wanted = {"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", **body}
        made = self.api.load_balancer.create_pool(loadbalancer_id=self.id, **wanted)
        self.settled()
        return made

    def member(self, pool: Any, subnet: str, address: str, **body: Any) -> Any:
        """A new member, settled, as the API then shows it.

        openstacksdk would leave ``request_sriov`` out.
        """
        wanted = {"address": address, "protocol_port": 80, "subnet_id": subnet, **body}
        path = f"/lbaas/pools/{pool.id}/members"
        answer = self.api.load_balancer.post(path, json={"member": wanted})
        exceptions.raise_from_response(answer)
        self.settled()
        return self.api.load_balancer.get_member(answer.json()["member"]["id"], pool)

    def failover(self) -> None:
        """Asked for; not waited for."""
        self.api.load_balancer.failover_load_balancer(self.id)

    def delete(self) -> None:
        """With everything below it; waits until it is gone."""
        found = self.now()
        if found is None:
            return
        wait_for("not pending", lambda: not self.pending(), SECONDS, 0.4)
        self.api.load_balancer.delete_load_balancer(self.id, cascade=True)
        wait_for(f"load balancer {self.id} gone", self.gone, SECONDS, 0.4)

    def pending(self) -> bool:
        """Whether somebody works on it."""
        found = self.now()
        return found is not None and str(found.provisioning_status).startswith("PENDING")

    def gone(self) -> bool:
        """Deleted; raises when the delete has ended in ERROR."""
        found = self.now()
        if found is not None and found.provisioning_status == "ERROR":
            expect(False, f"delete ended in ERROR: {self.reasons()}")
        return found is None
