"""What is known of the amphorae of this host; on disk, so that they come back after a reboot."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import ipaddress
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_RECORD = "amphora.json"


@dataclasses.dataclass(frozen=True)
class Nic:
    """A port of an amphora.

    :ivar number: of the interface's name in the amphora
    :ivar port: of Neutron, with its network and subnets: a host that boots may have no Neutron
    :ivar ours: made with the amphora, and goes with it
    :ivar driver: which port driver has plugged it; empty: none yet
    :ivar device: see :class:`sriov_provider.portdriver.base.Plugged`
    """

    number: int
    port: Mapping[str, Any]
    network: Mapping[str, Any]
    subnets: tuple[Mapping[str, Any], ...]
    ours: bool = False
    driver: str = ""
    device: str = ""

    @property
    def port_id(self) -> str:
        return str(self.port["id"])

    @property
    def mac(self) -> str:
        return str(self.port["mac_address"])

    @property
    def name(self) -> str:
        return f"eth{self.number}"

    @property
    def addresses(self) -> tuple[ipaddress.IPv4Interface | ipaddress.IPv6Interface, ...]:
        """Its fixed addresses, with the prefixes of their subnets."""
        prefixes = {s["id"]: s["cidr"].partition("/")[2] for s in self.subnets}
        fixed = self.port["fixed_ips"]
        return tuple(
            ipaddress.ip_interface(f"{ip['ip_address']}/{prefixes[ip['subnet_id']]}")
            for ip in fixed
        )


@dataclasses.dataclass(frozen=True)
class Amphora:
    """:ivar id: the server id, as the worker knows it
    :ivar built: False until everything about it is done once
    :ivar image_id: the software it was made with
    :ivar created: ISO 8601
    """

    id: str
    name: str
    flavor: str = ""
    image_id: str = ""
    owner: str = ""
    created: str = ""
    built: bool = False
    nics: tuple[Nic, ...] = ()

    @property
    def namespace(self) -> str:
        return f"amphora-{self.id[:8]}"

    def nic(self, port_id: str) -> Nic | None:
        return next((nic for nic in self.nics if nic.port_id == port_id), None)

    def next_number(self) -> int:
        """Names are not used twice: the amphora may not have noticed that one is free."""
        return max((nic.number for nic in self.nics), default=-1) + 1

    def with_nic(self, nic: Nic) -> Amphora:
        """In place of the one of the same port."""
        others = tuple(n for n in self.nics if n.port_id != nic.port_id)
        return dataclasses.replace(self, nics=(*others, nic))

    def without_nic(self, port_id: str) -> Amphora:
        return dataclasses.replace(self, nics=tuple(n for n in self.nics if n.port_id != port_id))


class Records:
    """One directory for each amphora.

    :param path: made when first needed; nobody else may look into it
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def directory(self, amphora_id: str) -> Path:
        return self._path / amphora_id

    def all(self) -> tuple[Amphora, ...]:
        paths = sorted(self._path.glob(f"*/{_RECORD}"))
        return tuple(a for a in (_read(p) for p in paths) if a is not None)

    def get(self, amphora_id: str) -> Amphora | None:
        return _read(self.directory(amphora_id) / _RECORD)

    def save(self, amphora: Amphora) -> Amphora:
        """On disk when this returns."""
        place = self.directory(amphora.id)
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = place / f"{_RECORD}.new"
        with fresh.open("w") as file:
            json.dump(dataclasses.asdict(amphora), file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(place / _RECORD)
        return amphora

    def drop(self, amphora_id: str) -> None:
        """The record last: what is left without one would never be found."""
        place = self.directory(amphora_id)
        if not place.exists():
            return
        for entry in place.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
        shutil.rmtree(place)

    @contextlib.contextmanager
    def locked(self, what: str) -> Iterator[None]:
        """One thread of one process at a time.

        :param what: an amphora's id, or another word
        """
        self._path.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self._path / f".{what}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def forget_lock(self, what: str) -> None:
        (self._path / f".{what}.lock").unlink(missing_ok=True)


def _read(path: Path) -> Amphora | None:
    try:
        told = json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError):
        return None
    nics = tuple(Nic(**{**nic, "subnets": tuple(nic["subnets"])}) for nic in told.pop("nics"))
    return Amphora(**told, nics=nics)
