"""What the host tells about an amphora that is to start; JSON between the two."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Spec:
    """All paths are the host's.

    :ivar hostname: of the amphora
    :ivar network: file of its network namespace
    :ivar files: directory of its private files: ``etc``, ``var``, ``units``, ``bin``
    :ivar root: an empty directory that becomes its root
    :ivar pid_file: gets pid and start time of its first process
    :ivar log: where its first process writes, and where it finds its own files' log directory
    :ivar shared: read-only parts of the host beside /usr
    :ivar path: directories of commands, before the usual ones
    :ivar agent: the agent's command
    :ivar memory: bytes it is told to have
    :ivar cgroup: file that takes the pid; None without one
    """

    hostname: str
    network: str
    files: str
    root: str
    pid_file: str
    log: str
    shared: tuple[str, ...]
    path: tuple[str, ...]
    agent: tuple[str, ...]
    memory: int
    cgroup: str | None = None

    def text(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=1)


def read(path: Path) -> Spec:
    told = json.loads(path.read_text())
    lists = {name: tuple(told[name]) for name in ("shared", "path", "agent")}
    return Spec(**{**told, **lists})
