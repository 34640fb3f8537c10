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
from typing import Any, TextIO

from sriov_provider import disk

_RECORD = "amphora.json"


@dataclasses.dataclass(frozen=True)
class Nic:
    """A port of an amphora.

    :ivar number: of the interface's name in the amphora
    :ivar port: of Neutron, with its network and subnets: a host that boots may have no Neutron
    :ivar ours: made with the amphora, and goes with it
    :ivar driver: which port driver has plugged it; empty: none yet
    :ivar device: see :class:`sriov_provider.portdriver.base.Plugged`
    :ivar lost: it was plugged, and then taken away by somebody else
    """

    number: int
    port: Mapping[str, Any]
    network: Mapping[str, Any]
    subnets: tuple[Mapping[str, Any], ...]
    ours: bool = False
    driver: str = ""
    device: str = ""
    lost: bool = False

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
    :ivar damage: why its record cannot be read; nothing but the id is known then
    """

    id: str
    name: str
    flavor: str = ""
    image_id: str = ""
    owner: str = ""
    created: str = ""
    built: bool = False
    nics: tuple[Nic, ...] = ()
    damage: str = ""

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
        """None when there is no record; see :class:`Amphora` for one that cannot be read."""
        return _read(self.directory(amphora_id) / _RECORD)

    def save(self, amphora: Amphora) -> Amphora:
        """On disk when this returns."""
        place = self.directory(amphora.id)
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        disk.write(place / _RECORD, json.dumps(dataclasses.asdict(amphora), indent=1))
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
        path = self._path / f".{what}.lock"
        while True:
            with path.open("w") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                # Whoever held it may have removed it: the next one would lock another file.
                if _is_still(path, file):
                    yield
                    return

    def forget_lock(self, what: str) -> None:
        """Of something that is no more; by whoever holds it."""
        (self._path / f".{what}.lock").unlink(missing_ok=True)


def _is_still(path: Path, file: TextIO) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _read(path: Path) -> Amphora | None:
    """One that is damaged holds up none of the others."""
    try:
        return _amphora(path.parent.name, json.loads(path.read_text()))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        return Amphora(path.parent.name, "", damage=f"{path}: {type(error).__name__}: {error}")


def _amphora(amphora_id: str, told: Any) -> Amphora:
    nics = tuple(_nic(nic) for nic in told["nics"])
    found = Amphora(**{**_known(Amphora, told), "nics": nics})
    if found.id != amphora_id:
        raise ValueError(f"it is of amphora {found.id}")
    return found


def _nic(told: Any) -> Nic:
    nic = Nic(**{**_known(Nic, told), "subnets": tuple(told["subnets"])})
    # What the rest relies on.
    _ = nic.port_id, nic.mac, nic.addresses, nic.network["id"]
    return nic


def _known(kind: type[Amphora | Nic], told: Mapping[str, Any]) -> dict[str, Any]:
    """What a later release has added is not in the way of an earlier one."""
    names = {field.name for field in dataclasses.fields(kind)}
    return {key: value for key, value in told.items() if key in names}
