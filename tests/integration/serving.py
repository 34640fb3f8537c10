"""A load balancer that serves: a listener, a member, and a client that asks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.demo.amphorae import Amphora
from tests.demo.report import wait_for
from tests.demo.session import Session
from tests.integration.balancer import Balancer
from tests.integration.ground import Ground, address

# Seconds of silence: VRRP's three advertisements, and a machine that does much else.
TAKEOVER = 8.0


class Serving:
    """The client is on the VIP's network, the member on another one."""

    def __init__(self, ground: Ground, **flavor: Any) -> None:
        members = ground.network("physnet1")
        self.member, self.client = ground.host(members, 20), ground.host(ground.public, 10)
        self.member.serve(80)
        member = {
            "address": address(members, 20),
            "protocol_port": 80,
            "subnet_id": members.subnet,
        }
        pool = {"name": "pool", "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}
        listener = {"name": "http", "protocol": "HTTP", "protocol_port": 80}
        self.ground = ground
        self.balancer: Balancer = ground.create(
            ground.flavor(**flavor),
            listeners=[{**listener, "default_pool": {**pool, "members": [member]}}],
        )
        self.balancer.settled()
        self.url = f"http://{self.balancer.vip}/"
        self.answered()

    def answered(self, seconds: float = 30.0) -> None:
        """Waits for an answer of the member."""
        wait_for("an answer", lambda: self.client.get(self.url) == self.member.name, seconds)

    def amphorae(self) -> list[Amphora]:
        """Those that run, as Nova knows them."""
        return [Amphora(server, ()) for server in self.ground.servers()]

    @contextmanager
    def served(self) -> Iterator[Session]:
        """All the time but for a takeover, by the member."""
        with Session(self.client, self.url) as session:
            yield session
        assert session.members == {self.member.name}
        assert session.longest < TAKEOVER
