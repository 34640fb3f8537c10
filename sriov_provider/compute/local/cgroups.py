"""A control group of version 2 for each amphora: its limits, and that it does not end with the
service that started it."""

from __future__ import annotations

import contextlib
import logging
import time
from pathlib import Path

from sriov_provider.config_local import Limits

LOG = logging.getLogger(__name__)

_MOUNTS = Path("/proc/self/mountinfo")
_CONTROLLERS = ("memory", "cpu", "pids")
# Microseconds.
_PERIOD = 100_000
# Where processes of the group itself go: a group with limits for others has none of its own.
_REST = "rest"
_GONE_TIMEOUT = 2.0


def hierarchy(mounts: Path = _MOUNTS) -> Path | None:
    """Where cgroups of version 2 are, if anywhere."""
    for line in mounts.read_text().splitlines():
        left, _, right = line.partition(" - ")
        path = Path(left.split()[4])
        # Another mount may cover it.
        if right.startswith("cgroup2 ") and (path / "cgroup.controllers").exists():
            return path
    return None


def values(limits: Limits) -> dict[str, str]:
    """What is written into which file of the group."""
    return {
        "memory.max": str(limits.memory << 20),
        "cpu.max": f"{int(limits.cpus * _PERIOD)} {_PERIOD}",
        "pids.max": str(limits.processes),
    }


class Cgroups:
    """:param name: of the group all amphorae are in, below ``root``
    :param root: None where the host has no cgroups of version 2
    """

    def __init__(self, name: str, root: Path | None) -> None:
        self._root = root
        self._base = root / name if root else None
        self._told: set[str] = set()

    def make(self, amphora_id: str, limits: Limits | None) -> Path | None:
        """The group of an amphora.

        :returns: the file that takes its first process; None when there is no group to be had
        """
        if self._root is None or self._base is None:
            self._tell("this host has no cgroups of version 2")
            return None
        group = self._base / amphora_id
        try:
            self._delegate()
            group.mkdir(exist_ok=True)
        except OSError as error:
            self._tell(f"{group} cannot be made: {error}")
            return None
        if limits:
            self._limit(group, limits)
        return group / "cgroup.procs"

    def _limit(self, group: Path, limits: Limits) -> None:
        failed = []
        for name, value in values(limits).items():
            try:
                # Not made here: it is there where the controller is.
                with (group / name).open("r+") as file:
                    file.write(value)
            except OSError:
                failed.append(name)
        if failed:
            self._tell(f"{self._base} has no {', '.join(failed)}")

    def remove(self, amphora_id: str) -> None:
        """It takes a moment until its processes are gone; those that nobody has on record end, too,
        where the kernel can do that (5.14)."""
        if self._base is None:
            return
        kill = self._base / amphora_id / "cgroup.kill"
        if kill.exists():
            # The removal below tells what is still there.
            with contextlib.suppress(OSError):
                kill.write_text("1")
        deadline = time.monotonic() + _GONE_TIMEOUT
        with contextlib.suppress(FileNotFoundError):
            while True:
                try:
                    (self._base / amphora_id).rmdir()
                except FileNotFoundError:
                    return
                except OSError:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.02)
                else:
                    return

    def _delegate(self) -> None:
        """Controllers have to be handed down, from each group to those below it."""
        assert self._root is not None and self._base is not None
        self._base.mkdir(parents=True, exist_ok=True)
        self._vacate()
        chain = [self._base, *self._base.parents]
        for group in reversed(chain[: chain.index(self._root) + 1]):
            have = (group / "cgroup.controllers").read_text().split()
            down = (group / "cgroup.subtree_control").read_text().split()
            for controller in (c for c in _CONTROLLERS if c in have and c not in down):
                try:
                    (group / "cgroup.subtree_control").write_text(f"+{controller}")
                except OSError as error:
                    self._tell(f"{group} does not hand down {controller}: {error}")

    def _vacate(self) -> None:
        assert self._base is not None
        pids = (self._base / "cgroup.procs").read_text().split()
        if not pids:
            return
        rest = self._base / _REST
        rest.mkdir(exist_ok=True)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                (rest / "cgroup.procs").write_text(pid)

    def _tell(self, what: str) -> None:
        """Once, not for every amphora."""
        if what not in self._told:
            self._told.add(what)
            LOG.warning("Amphorae are not limited as their flavors say: %s", what)
