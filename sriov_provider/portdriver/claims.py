"""Which port has which device: one file per device, written so that a crash leaves the old or new.

Whoever dies frees nothing: a claim lasts until somebody gives the device back.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import re
import threading
import time
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from sriov_provider.errors import Code, ProviderError
from sriov_provider.portdriver.base import OSVIF, SRIOV, STANDIN, Namespace
from sriov_provider.portdriver.card import VfState
from sriov_provider.portdriver.kernel import USER

LOCK_TIMEOUT = 60.0  # seconds
_LOCK_INTERVAL = 0.02
_FRESH = "fresh"
# A claim's way: BOUND when the device is set up on the host, PLUGGED when it is inside.
TAKEN, BOUND, PLUGGED, LEAVING = "taken", "bound", "plugged", "leaving"
# How the devices of each driver are named.
STANDIN_PREFIX, OSVIF_PREFIX = "svh", "tap"
_PREFIXES = {STANDIN_PREFIX: STANDIN, OSVIF_PREFIX: OSVIF}
_PCI = re.compile(r"[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Saved:
    """A VF as it was before its first change: what its PF holds, and its interface."""

    vf: VfState
    name: str
    mac: str
    mtu: int
    up: bool


@dataclasses.dataclass(frozen=True)
class Claim:
    """:ivar device: PCI address of the VF, or name of the stand-in's end on the host
    :ivar endpoint: of the container engine that has asked for it; empty: it was plugged by us
    :ivar boot: the host's boot in which the device was set up
    :ivar namespace: where it is, or is about to go; None: nowhere yet
    :ivar identity: of that namespace
    :ivar segment: the stand-in's bridge
    :ivar plug: what os-vif was told
    """

    port_id: str
    mac: str
    device: str
    driver: str
    phase: str = TAKEN
    endpoint: str = ""
    boot: str = ""
    namespace: Namespace | None = None
    identity: str | None = None
    name: str = ""
    segment: str = ""
    saved: Saved | None = None
    plug: dict[str, Any] | None = None


_KINDS: dict[type[Any], dict[str, Any]] = {
    cls: typing.get_type_hints(cls) for cls in (VfState, Saved, Claim)
}


class Claims:
    """The claims below one directory.

    :param directory: made when first needed
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._held = threading.local()

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """One process, one thread at a time; a thread may ask again for what it holds.

        :raises ProviderError: when somebody has held it for a minute
        """
        depth = getattr(self._held, "depth", 0)
        if depth:
            self._held.depth = depth + 1
            try:
                yield
            finally:
                self._held.depth = depth
            return
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(self._directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._wait(handle)
            self._held.depth = 1
            # What somebody was about to write who died over it.
            (self._directory / _FRESH).unlink(missing_ok=True)
            yield
        finally:
            self._held.depth = 0
            os.close(handle)

    def _wait(self, handle: int) -> None:
        deadline = time.monotonic() + LOCK_TIMEOUT
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > deadline:
                    text = f"{self._directory}/lock is held for more than {LOCK_TIMEOUT:.0f} s"
                    raise ProviderError(Code.TIMEOUT, USER, text, retriable=True) from None
                time.sleep(_LOCK_INTERVAL)

    def all(self) -> tuple[Claim, ...]:
        """All that can be read; see :meth:`unreadable`."""
        read = (_read(path) for path in self._files())
        return tuple(claim for claim in read if claim is not None)

    def unreadable(self) -> tuple[str, ...]:
        """Devices whose claim is damaged, or tells of something else."""
        return tuple(path.stem for path in self._files() if _read(path) is None)

    def of_port(self, port_id: str) -> tuple[Claim, ...]:
        """More than one only if somebody else has written here."""
        return tuple(claim for claim in self.all() if claim.port_id == port_id)

    def write(self, claim: Claim) -> Claim:
        """On disk when this returns. Locked, as all that changes something."""
        path, fresh = self._path(claim.device), self._directory / _FRESH
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w") as file:
            json.dump(dataclasses.asdict(claim), file, indent=1)
            file.flush()
            os.fsync(handle)
        fresh.replace(path)
        self._settle()
        return claim

    def remove(self, device: str) -> None:
        self._path(device).unlink(missing_ok=True)
        self._settle()

    def _settle(self) -> None:
        handle = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def _files(self) -> list[Path]:
        return sorted(self._directory.glob("*.json"))

    def _path(self, device: str) -> Path:
        return self._directory / f"{device}.json"


def driver_of(device: str) -> str | None:
    """Whose devices are named so; None: nobody's. Pure."""
    if _PCI.fullmatch(device):
        return SRIOV
    return next((name for prefix, name in _PREFIXES.items() if device.startswith(prefix)), None)


def _read(path: Path) -> Claim | None:
    try:
        claim = _claim(json.loads(path.read_text()))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    # A copy of another's, or one of somebody who is not us: what it says would be done to a
    # device that is not the file's.
    if claim.device != path.stem or claim.driver != driver_of(claim.device):
        return None
    return claim


def _claim(told: dict[str, Any]) -> Claim:
    saved = told["saved"]
    if saved is not None:
        vf = saved["vf"]
        pairs = {key: tuple(vf[key]) for key in ("vlan", "rates")}
        saved = _made(Saved, {**saved, "vf": _made(VfState, {**vf, **pairs})})
    return _made(Claim, {**told, "saved": saved})


def _made(cls: type[T], told: dict[str, Any]) -> T:
    """What a later release has added is not in the way of an earlier one.

    :raises TypeError: when something is missing, or of another type than ours
    """
    kinds = _KINDS[cls]
    known = {name: value for name, value in told.items() if name in kinds}
    wrong = [name for name, value in known.items() if not _fits(value, kinds[name])]
    if wrong:
        raise TypeError(f"{cls.__name__}: {wrong}")
    return cls(**known)


def _fits(value: object, kind: Any) -> bool:
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, part) for part in parts)
    if origin is tuple:
        return isinstance(value, tuple) and [*map(type, value)] == [*parts]
    # Not isinstance: to Python a bool is an int.
    return type(value) is (origin or kind)
