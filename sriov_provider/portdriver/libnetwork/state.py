"""Which Neutron objects an engine's networks and endpoints are; on disk, for it outlives us.

One small JSON file each, replaced as a whole. An endpoint's has its port and network as they were
when it was plugged: to take it back Neutron need not know them any more.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sriov_provider import disk
from sriov_provider.errors import Code, ProviderError

LOG = logging.getLogger(__name__)

_SAFE = re.compile(r"[0-9A-Za-z_-]{1,128}\Z")
_USER = "The container's network could not be set up."


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """:ivar port: Neutron's, as it was plugged; its subnets and network likewise
    :ivar finished: False from before the first change until it is plugged
    """

    id: str
    network_id: str
    port: Mapping[str, Any]
    subnets: tuple[Mapping[str, Any], ...]
    network: Mapping[str, Any]
    finished: bool = True


class State:
    """Files of one directory, made when the first one is written."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def save_network(self, network_id: str, neutron_id: str) -> None:
        self._write("network", network_id, {"neutron_id": neutron_id})

    def network(self, network_id: str) -> str:
        """The Neutron network of an engine's.

        :raises ProviderError: NOT_FOUND
        """
        found = self._read("network", network_id) or {}
        if "neutron_id" not in found:
            raise ProviderError(Code.NOT_FOUND, _USER, f"network {network_id} is not known")
        return str(found["neutron_id"])

    def forget_network(self, network_id: str) -> None:
        self._path("network", network_id).unlink(missing_ok=True)

    def save_endpoint(self, endpoint: Endpoint) -> None:
        self._write("endpoint", endpoint.id, dataclasses.asdict(endpoint))

    def find_endpoint(self, endpoint_id: str) -> Endpoint | None:
        """None, too, when nothing can be read of it any more; see :meth:`has_endpoint`."""
        found = self._read("endpoint", endpoint_id) or {}
        names = {field.name for field in dataclasses.fields(Endpoint)}
        try:
            known = {key: value for key, value in found.items() if key in names}
            return Endpoint(**{**known, "subnets": tuple(found["subnets"])})
        except (KeyError, TypeError):
            return None

    def has_endpoint(self, endpoint_id: str) -> bool:
        """Whether there is a file, be it damaged."""
        return self._path("endpoint", endpoint_id).exists()

    def endpoint(self, endpoint_id: str) -> Endpoint:
        """:raises ProviderError: NOT_FOUND"""
        found = self.find_endpoint(endpoint_id)
        if found is None:
            raise ProviderError(Code.NOT_FOUND, _USER, f"endpoint {endpoint_id} is not known")
        return found

    def endpoints(self) -> Iterator[Endpoint]:
        """Those that can be read."""
        for path in sorted(self._directory.glob("endpoint-*.json")):
            found = self.find_endpoint(path.stem.partition("-")[2])
            if found is not None:
                yield found

    def forget_endpoint(self, endpoint_id: str) -> None:
        self._path("endpoint", endpoint_id).unlink(missing_ok=True)

    def _path(self, kind: str, name: str) -> Path:
        if not _SAFE.match(name):
            raise ProviderError(Code.UNSUPPORTED, _USER, f"{name!r} is no id of any {kind}")
        return self._directory / f"{kind}-{name}.json"

    def _read(self, kind: str, name: str) -> dict[str, Any] | None:
        path = self._path(kind, name)
        try:
            found = json.loads(path.read_text())
        except FileNotFoundError:
            return None
        except ValueError as error:
            found = str(error)
        if isinstance(found, dict):
            return found
        LOG.error("%s is damaged: %s", path, found)
        return None

    def _write(self, kind: str, name: str, content: Any) -> None:
        path = self._path(kind, name)
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        disk.write(path, json.dumps(content))
