"""What was left behind in the cloud is deleted; what is in use is not."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.demo import bootstrap, conf
from tests.demo.report import wait_for
from tests.integration.ground import Ground
from tests.integration.serving import Serving
from tests.integration.test_verbs import provider
from tests.integration.upkeep import upkeep

pytestmark = pytest.mark.alone
# Seconds; the least that can be set.
GRACE = 60


class Leaks:
    """A server with a port of its own, a port and a security group of a load balancer that nobody
    knows, in Octavia's own project; and a port there that is not ours."""

    def __init__(self, ground: Ground) -> None:
        self.api: Any = bootstrap.connect(ground.settings, "octavia")
        self.tag = f"octavia-sriov:{uuid.uuid4()}"
        network, self.public = self.api.network, ground.public.id
        self.group = network.create_security_group(name=ground.name, description=self.tag).id
        self.port, plugged = self._port(self.tag), self._port(self.tag)
        self.strange = self._port("somebody's")
        self.server = self._server(ground, plugged)
        wait_for("the server", lambda: self._status() == "ACTIVE", 60)
        self.all = {self.group, self.port, plugged, self.server}

    def _port(self, description: str) -> str:
        made = self.api.network.create_port(network_id=self.public, description=description)
        return str(made.id)

    def _server(self, ground: Ground, port: str) -> str:
        found = next(i for i in self.api.image.images() if i.name == "amphora-sriov")
        made = self.api.compute.create_server(
            name=f"amphora-{uuid.uuid4()}",
            image_id=found.id,
            flavor_id=conf.identifiers()["compute_flavor"],
            networks=[{"port": port}],
        )
        return str(made.id)

    def _status(self) -> str:
        return str(self.api.compute.get_server(self.server).status)

    def left(self) -> set[str]:
        """Ids of those that are there."""
        ports = {p.id for p in self.api.network.ports(network_id=self.public)}
        groups = {g.id for g in self.api.network.security_groups()}
        return self.all & (ports | groups | {s.id for s in self.api.compute.servers()})

    def close(self) -> None:
        """What is not ours stays for us to delete."""
        self.api.network.delete_port(self.strange, ignore_missing=False)


def test_what_nobody_holds_goes_and_what_serves_stays(ground: Ground) -> None:
    """Told by the command, deleted by a worker."""
    ground.vfs(compute1=1, compute2=1)
    serving = Serving(ground)
    leaks = Leaks(ground)
    rows = provider(ground, "sweep", "--older-than", "0")
    assert {row["id"] for row in rows} == leaks.all == leaks.left()
    assert {row["result"] for row in rows} == {"would be deleted"}
    assert provider(ground, "sweep", "--older-than", "3600") == []
    with upkeep(ground.settings, sweep_interval=5, sweep_grace=GRACE) as chores:
        assert chores.done("sweep")["deleted"] == {}
        wait_for("all gone", lambda: not leaks.left(), GRACE + 60, 1)
        wait_for("nothing to do", lambda: not any(chores.done("sweep").values()), 60)
    leaks.close()
    serving.answered()
    assert len(ground.servers()) == len(ground.ports()) == 1
    serving.balancer.listener(name="second", protocol_port=8080)
