"""The processes of an amphora, seen from the host."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from sriov_provider.compute.local import files
from sriov_provider.compute.local.guest import launch, python
from sriov_provider.compute.local.guest.spec import Spec
from sriov_provider.errors import Code, ProviderError

_USER = "No amphora could be started for the load balancer."
# Seconds.
_START = 30.0
_END = 10.0
_PAUSE = 0.02
# What the agent and its libraries are made of, wherever they are installed.
_PACKAGES = ("octavia", "amphora_agent_ext")


class Processes:
    """:param run: directory of what goes with a reboot
    :param commands: directory of the agent's commands; by default those beside this interpreter
    """

    def __init__(self, run: Path, commands: Path | None = None) -> None:
        self._run = run
        self.commands = commands or Path(sys.prefix) / "bin"

    def start(
        self, amphora_id: str, name: str, namespace: Path, directory: Path, memory: int,
        cgroup: Path | None,
    ) -> None:  # fmt: skip
        """Its ports are in the namespace already.

        :param memory: bytes
        :raises ProviderError: BOOT_FAILED
        """
        place = self._place(amphora_id)
        (place / "root").mkdir(parents=True, exist_ok=True, mode=0o700)
        spec = Spec(
            hostname=name,
            network=str(namespace),
            files=str(directory),
            root=str(place / "root"),
            pid_file=str(place / "pid"),
            log=str(directory / "var/log/init.log"),
            shared=shared(self.commands),
            path=(str(self.commands),),
            agent=(
                str(self.commands / "sriov-amphora-agent"),
                "--config-file",
                "/etc/octavia/amphora-agent.conf",
            ),
            memory=memory,
            cgroup=str(cgroup) if cgroup else None,
        )
        told = place / "spec.json"
        told.write_text(spec.text())
        self._launch(amphora_id, told)

    def _launch(self, amphora_id: str, spec: Path) -> None:
        try:
            done = subprocess.run(
                python.command("launch", str(spec)),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_START,
                cwd="/",
                check=False,
            )
        except subprocess.TimeoutExpired as late:
            text = f"Amphora {amphora_id} did not start within {_START:g} s"
            raise ProviderError(Code.BOOT_FAILED, _USER, text, retriable=True) from late
        if done.returncode:
            text = f"Amphora {amphora_id} could not be started: {done.stderr.strip()[-1000:]}"
            raise ProviderError(Code.BOOT_FAILED, _USER, text, retriable=True)

    def pid(self, amphora_id: str) -> int | None:
        """Its first process, if it runs."""
        return _recorded(self._place(amphora_id))

    def running(self, amphora_id: str) -> bool:
        return _alive(self._place(amphora_id))

    def stop(self, amphora_id: str) -> None:
        """All of them end with the first.

        :raises ProviderError: TIMEOUT when it does not end
        """
        place, aside = self._place(amphora_id), self._run / f".{amphora_id}"
        # Of somebody who died over it.
        self._end(amphora_id, aside)
        with contextlib.suppress(FileNotFoundError):
            # A launch that is still under way finds no place for its record, and ends.
            place.rename(aside)
        self._end(amphora_id, aside)

    def _end(self, amphora_id: str, place: Path) -> None:
        pid = _recorded(place)
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            deadline = time.monotonic() + _END
            while _alive(place):
                if time.monotonic() > deadline:
                    text = f"Process {pid} of amphora {amphora_id} does not end."
                    raise ProviderError(Code.TIMEOUT, _USER, text, retriable=True)
                time.sleep(_PAUSE)
        shutil.rmtree(place, ignore_errors=True)

    def _place(self, amphora_id: str) -> Path:
        return self._run / amphora_id


def shared(commands: Path) -> tuple[str, ...]:
    """Where Python, the agent and its libraries are, unless an amphora sees that anyway."""
    bases = {Path(p) for p in (sys.prefix, sys.base_prefix, sys.exec_prefix)}
    bases |= {commands.parent, python.HOME}
    bases |= {files.package(name).parent for name in _PACKAGES}
    real = {base.resolve() for base in bases} | bases
    outside = sorted(p for p in real if not p.is_relative_to("/usr") and p != Path("/"))
    return tuple(
        str(p) for p in outside if not any(p != o and p.is_relative_to(o) for o in outside)
    )


def _recorded(place: Path) -> int | None:
    """The process on record, if it is still that one."""
    try:
        pid, began = (place / "pid").read_text().split()
        return int(pid) if launch.started(int(pid)) == began else None
    except (OSError, ValueError, IndexError):
        return None


def _alive(place: Path) -> bool:
    pid = _recorded(place)
    return pid is not None and not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] == "Z"
    except OSError:
        return True
