"""The servers of all amphorae at once, as Nova shows them: for housekeeping, which must not ask for
each."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Protocol

from sriov_provider.cloud import COMPUTE, Cloud
from sriov_provider.compute.base import Compute
from sriov_provider.compute.nova import servers
from sriov_provider.rest import Rest


@dataclasses.dataclass(frozen=True)
class Sighting:
    """:ivar status: Nova's (ACTIVE, SHUTOFF, REBUILD, ...)
    :ivar launched_at: when it last began to run after a boot, a rebuild, an evacuation or a
        migration that stopped it; as Nova writes it
    """

    id: str
    status: str
    host: str | None = None
    image_id: str | None = None
    launched_at: str | None = None


class Fleet(Protocol):
    def sightings(self) -> Mapping[str, Sighting]:
        """All servers of our project, by id.

        :raises ProviderError: they cannot be listed
        """


class NovaFleet:
    """Implements :class:`Fleet`. Asks on every call; one request for each thousand servers."""

    def __init__(self, cloud: Cloud) -> None:
        self._nova = Rest(cloud, COMPUTE)

    def sightings(self) -> Mapping[str, Sighting]:
        return {body["id"]: _sighting(body) for body in servers(self._nova)}


class Images:
    """What servers were made of: of all at once, and one by one of those that came later."""

    def __init__(self, compute: Compute, fleet: Fleet | None) -> None:
        """:param fleet: None where servers are asked about one by one"""
        self._fleet = fleet
        self._compute = compute
        self._known: dict[str, str | None] | None = None

    def of(self, server_id: str) -> str | None:
        """Id of the image; None for a server that is gone, or was booted from a volume.

        :raises ProviderError: Nova cannot be asked
        """
        if self._known is None:
            seen = self._fleet.sightings() if self._fleet else {}
            self._known = {i: one.image_id for i, one in seen.items()}
        if server_id not in self._known:
            server = self._compute.get_server(server_id)
            self._known[server_id] = server.image_id if server else None
        return self._known[server_id]


def _sighting(body: Mapping[str, Any]) -> Sighting:
    return Sighting(
        id=body["id"],
        status=body["status"],
        host=body.get("OS-EXT-SRV-ATTR:host"),
        # Empty text, not an object, for one booted from a volume.
        image_id=(body.get("image") or {}).get("id"),
        launched_at=body.get("OS-SRV-USG:launched_at"),
    )
