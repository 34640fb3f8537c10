"""A big server on compute2: Nova's memory weigher then prefers compute1 for whoever may choose.

A hot-plugged amphora without anything to choose by so comes to compute1 first, which is where these
tests want it when VFs are on compute2 only.
"""

from __future__ import annotations

from typing import Any

from tests.demo.report import wait_for
from tests.demo.settings import Settings
from tests.integration.ground import image_id, management_network

HOST = "compute2"
MEMORY = 400_000  # MiB; each host of the demo has 800,000


class Ballast:
    """The server, until it is removed."""

    def __init__(self, api: Any, settings: Settings) -> None:
        self.api = api
        self.flavor = api.compute.create_flavor(name="ballast", ram=MEMORY, vcpus=1, disk=0)
        self.server = api.compute.create_server(
            name="ballast",
            flavor_id=self.flavor.id,
            image_id=image_id(settings),
            networks=[{"uuid": management_network(api)}],
            availability_zone=f"nova:{HOST}",
        )
        wait_for("the ballast", lambda: self.status() == "ACTIVE", seconds=60)

    def status(self) -> str:
        """Of the server."""
        return str(self.api.compute.get_server(self.server.id).status)

    def remove(self) -> None:
        """Server and flavor."""
        self.api.compute.delete_server(self.server.id)
        self.api.compute.wait_for_delete(self.server, interval=1, wait=60)
        self.api.compute.delete_flavor(self.flavor.id)
