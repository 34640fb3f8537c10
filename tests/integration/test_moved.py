"""Servers that Nova makes anew: on another host, and from their image. One test at a time: a
host is switched off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from openstack import exceptions

from tests.demo.report import wait_for
from tests.integration.ground import Ground
from tests.integration.serving import Serving
from tests.integration.upkeep import upkeep
from tests.matrix.outages import Outage, killed

pytestmark = pytest.mark.alone
# Seconds between two looks at all servers.
OFTEN = 2


@contextmanager
def down(ground: Ground, host: str) -> Iterator[None]:
    """A host has lost its power, and Nova was told so."""
    compute = ground.api.compute
    (service,) = compute.services(host=host, binary="nova-compute")

    def back() -> bool:
        """Nova takes it once its nova-compute has seen which servers have left it."""
        try:
            compute.update_service_forced_down(service, forced=False)
        except exceptions.BadRequestException:
            return False
        (found,) = compute.services(host=host, binary="nova-compute")
        return str(found.state) == "up"

    power: Outage = killed(f"nova-{host}", back)
    power.begin()
    compute.update_service_forced_down(service, forced=True)
    try:
        yield
    finally:
        power.end()


def evacuate(ground: Ground, server_id: str) -> None:
    """As ``openstack server evacuate`` does; from 2.95 on Nova leaves it switched off."""
    answer = ground.api.compute.post(
        f"/servers/{server_id}/action", json={"evacuate": {}}, microversion="2.94"
    )
    exceptions.raise_from_response(answer)


def remade(ground: Ground, server_id: str, before: str) -> Any:
    """Waits until a server is ACTIVE again that was launched at another time."""

    def probe() -> Any:
        found = ground.api.compute.get_server(server_id)
        assert found.status != "ERROR", found.fault
        return found.status == "ACTIVE" and found.launched_at != before and found

    return wait_for(f"server {server_id} made anew", probe, seconds=60)


def slots(serving: Serving) -> dict[str, tuple[str, str]]:
    """Host and PCI address of each VF, as Neutron has bound it."""
    found = serving.ground.api.network.ports(description=f"octavia-sriov:{serving.balancer.id}")
    direct = [p for p in found if p.binding_vnic_type == "direct"]
    return {p.id: (p.binding_host_id, p.binding_profile["pci_slot"]) for p in direct}


def known(serving: Serving) -> dict[str, str]:
    """The PCI address of each VF that the provider has on record."""
    rows = serving.balancer.page()["ports"]
    return {row["neutron_id"]: row["pci_slot"] for row in rows if row["vnic_type"] == "direct"}


def test_one_that_was_evacuated_serves_again(ground: Ground) -> None:
    """The same amphora on another host, with that host's VFs, its disk as it was."""
    ground.vfs(compute1=1, compute2=1)
    serving = Serving(ground)
    (amphora,) = serving.amphorae()
    host = serving.balancer.host()
    (other,) = {"compute1", "compute2"} - {host}
    with upkeep(ground.settings, server_check_interval=OFTEN, automatic_failover=False) as chores:
        chores.done("servers")
        with down(ground, host):
            amphora.kill()
            evacuate(ground, amphora.server.id)
            remade(ground, amphora.server.id, amphora.server.launched_at)
            serving.answered(90)
            wait_for("no job", lambda: not serving.balancer.page()["jobs"], 60)
            (row,) = serving.balancer.page()["amphorae"]
        serving.balancer.settled()
    assert (row["compute_id"], row["host"], row["state"]) == (amphora.server.id, other, "ready")
    assert {where for where, _ in slots(serving).values()} == {other}
    assert known(serving) == {port: slot for port, (_, slot) in slots(serving).items()}
    serving.balancer.listener(name="second", protocol_port=8080)
    serving.answered()


def test_one_that_was_rebuilt_is_replaced(ground: Ground) -> None:
    """Its disk is that of the image, without a certificate: nobody can speak to it any more."""
    ground.vfs(compute1=2, compute2=2)
    serving = Serving(ground)
    (amphora,) = serving.amphorae()
    with upkeep(ground.settings, server_check_interval=OFTEN) as chores:
        chores.done("servers")
        ground.api.compute.rebuild_server(amphora.server.id, amphora.server.image.id)
        remade(ground, amphora.server.id, amphora.server.launched_at)
        wait_for("another server", lambda: amphora.server.id not in of(serving), 180, 1)
        wait_for("no job", lambda: not serving.balancer.page()["jobs"], 60)
        serving.answered()
    assert len(of(serving)) == 1
    assert serving.balancer.settled().operating_status == "ONLINE"


def of(serving: Serving) -> set[str]:
    """Ids of the servers of the amphorae on record."""
    return {row["compute_id"] for row in serving.balancer.page()["amphorae"]}
