"""A big server on compute2: Nova's weighers of memory, processors and disk then prefer compute1.

So an amphora which is booted without its VFs comes to compute1 first, which is where these tests
want it when VFs are on compute2 only.
"""

from __future__ import annotations

from typing import Any

from tests.demo.report import wait_for
from tests.demo.settings import GUEST
from tests.integration.ground import management_network

HOST = "compute2"
# about half of what Nova's fake driver says a host has
SIZE = {"ram": 400_000, "vcpus": 500, "disk": 300_000}


class Ballast:
    """The server, until it is removed."""

    def __init__(self, api: Any) -> None:
        self.api = api
        self.flavor = api.compute.create_flavor(name="ballast", **SIZE)
        self.server = api.compute.create_server(
            name="ballast",
            flavor_id=self.flavor.id,
            image_id=api.image.find_image(GUEST).id,
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
