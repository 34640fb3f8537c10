"""Which Neutron objects an engine's networks and endpoints are; on disk, for it outlives us.

One small JSON file each, replaced as a whole. An endpoint's has its port and network as they were
when it was plugged: to take it back Neutron need not know them any more.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sriov_provider.errors import Code, ProviderError

_SAFE = re.compile(r"[0-9A-Za-z_-]{1,128}\Z")
_USER = "The container's network could not be set up."


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """:ivar port: Neutron's, as it was plugged; its subnets and network likewise"""

    id: str
    network_id: str
    port: Mapping[str, Any]
    subnets: tuple[Mapping[str, Any], ...]
    network: Mapping[str, Any]


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
        found = self._read("network", network_id)
        if found is None:
            raise ProviderError(Code.NOT_FOUND, _USER, f"network {network_id} is not known")
        return str(found["neutron_id"])

    def forget_network(self, network_id: str) -> None:
        self._path("network", network_id).unlink(missing_ok=True)

    def save_endpoint(self, endpoint: Endpoint) -> None:
        self._write("endpoint", endpoint.id, dataclasses.asdict(endpoint))

    def find_endpoint(self, endpoint_id: str) -> Endpoint | None:
        found = self._read("endpoint", endpoint_id)
        if found is None:
            return None
        return Endpoint(**{**found, "subnets": tuple(found["subnets"])})

    def endpoint(self, endpoint_id: str) -> Endpoint:
        """:raises ProviderError: NOT_FOUND"""
        found = self.find_endpoint(endpoint_id)
        if found is None:
            raise ProviderError(Code.NOT_FOUND, _USER, f"endpoint {endpoint_id} is not known")
        return found

    def endpoints(self) -> Iterator[Endpoint]:
        for path in sorted(self._directory.glob("endpoint-*.json")):
            yield self.endpoint(path.stem.partition("-")[2])

    def forget_endpoint(self, endpoint_id: str) -> None:
        self._path("endpoint", endpoint_id).unlink(missing_ok=True)

    def _path(self, kind: str, name: str) -> Path:
        if not _SAFE.match(name):
            raise ProviderError(Code.UNSUPPORTED, _USER, f"{name!r} is no id of any {kind}")
        return self._directory / f"{kind}-{name}.json"

    def _read(self, kind: str, name: str) -> Any:
        with contextlib.suppress(FileNotFoundError):
            return json.loads(self._path(kind, name).read_text())
        return None

    def _write(self, kind: str, name: str, content: Any) -> None:
        path = self._path(kind, name)
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = path.with_suffix(".new")
        with new.open("w") as handle:
            json.dump(content, handle)
            handle.flush()
            os.fsync(handle.fileno())
        new.replace(path)
