"""Starts an amphora: a process of its own, which outlives whoever started it."""

from __future__ import annotations

import os
import resource
import socket
import sys
import traceback
from pathlib import Path

from sriov_provider.compute.local.guest import init, kernel, root, spec

_NAMESPACES = kernel.CLONE_NEWUTS | kernel.CLONE_NEWIPC | kernel.CLONE_NEWPID
# chown, dac_override, fowner, fsetid, kill, setgid, setuid, setpcap, net_bind_service,
# net_broadcast, net_admin, net_raw, ipc_lock, sys_chroot, sys_admin (namespaces), sys_nice,
# sys_resource: not modules, devices, raw memory, the clock, other processes or a reboot.
_CAPABILITIES = frozenset({0, 1, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 18, 21, 23, 24})
_FILES = 1_048_576
_READY = "ready"


def main(argument: str) -> int:
    """:param argument: path of a :class:`~sriov_provider.compute.local.guest.spec.Spec`
    :returns: 0 once the amphora's first process has its file system
    """
    wanted = spec.read(Path(argument))
    if wanted.cgroup:
        Path(wanted.cgroup).write_text("0")
    _more_files()
    os.setsid()
    kernel.enter_network(Path(wanted.network))
    kernel.unshare(_NAMESPACES)
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        ours.close()
        _first(wanted, theirs)
    theirs.close()
    said = ours.recv(65536).decode()
    if said != _READY:
        print(said or "the first process died", file=sys.stderr)
        return 1
    _record(Path(wanted.pid_file), pid)
    ours.send(b"go")
    return 0


def _first(wanted: spec.Spec, starter: socket.socket) -> None:
    """The amphora's pid 1; never returns. It begins once it is on record."""
    try:
        # Not before the fork: the starter keeps its files.
        kernel.unshare(kernel.CLONE_NEWNS)
        place = root.build(wanted)
        _detach(Path(wanted.log))
        socket.sethostname(wanted.hostname)
        kernel.pivot_root(place)
        kernel.drop_capabilities(_CAPABILITIES)
    except BaseException:
        starter.send(traceback.format_exc().encode())
        os._exit(1)
    starter.send(_READY.encode())
    recorded = starter.recv(16)
    starter.close()
    if recorded:
        try:
            init.Init(wanted).run()
        except BaseException:
            traceback.print_exc()
    os._exit(1)


def _detach(log: Path) -> None:
    """Nothing of the starter's: no input, no output, no working directory."""
    null = os.open(os.devnull, os.O_RDONLY)
    written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for source, target in ((null, 0), (written, 1), (written, 2)):
        os.dup2(source, target)
    os.close(null)
    os.close(written)
    os.umask(0o022)


def _more_files() -> None:
    """As systemd would for haproxy, as far as this host lets us."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (_FILES, _FILES))
    except (ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def started(pid: int) -> str:
    """When a process began, in clock ticks since the boot: with the pid it names one process.

    :raises OSError: there is none
    """
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return fields[19]


def _record(path: Path, pid: int) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(f"{pid} {started(pid)}\n")
    fresh.replace(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
