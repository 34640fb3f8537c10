"""Which port has which device: one file per device, written so that a crash leaves the old or new.

Whoever dies frees nothing: a claim lasts until somebody gives the device back.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sriov_provider.errors import Code, ProviderError
from sriov_provider.portdriver.base import Namespace
from sriov_provider.portdriver.card import VfState
from sriov_provider.portdriver.kernel import USER

LOCK_TIMEOUT = 60.0  # seconds
_LOCK_INTERVAL = 0.02
_FRESH = "fresh"
# A claim's way: BOUND when the device is set up on the host, PLUGGED when it is inside.
TAKEN, BOUND, PLUGGED, LEAVING = "taken", "bound", "plugged", "leaving"


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
        """Devices whose claim is damaged."""
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


def _read(path: Path) -> Claim | None:
    try:
        return _claim(json.loads(path.read_text()))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _claim(told: dict[str, Any]) -> Claim:
    saved = told.pop("saved")
    if saved is not None:
        vf = saved.pop("vf")
        for key in ("vlan", "rates"):
            vf[key] = tuple(vf[key])
        saved = Saved(vf=VfState(**vf), **saved)
    # What a later release has added is not in the way of an earlier one.
    known = {field.name for field in dataclasses.fields(Claim)}
    return Claim(saved=saved, **{key: value for key, value in told.items() if key in known})
