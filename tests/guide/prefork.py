"""``openstack`` and ``sriov-provider`` without their start-up: one process has imported them and
forks for each command.

``python -m tests.guide.prefork DIRECTORY`` serves until its standard input ends, and puts both
commands into the directory. What runs is their own ``main``, in a process of its own, with the
caller's arguments, directory and standard streams.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import selectors
import signal
import socket
import sys
from pathlib import Path

from octaviaclient.osc.v2 import load_balancer as _load_balancer
from openstack import connection as _connection
from openstackclient import shell
from openstackclient.compute.v2 import flavor as _flavor
from openstackclient.network.v2 import network as _network

from sriov_provider.cmd import main as ours
from sriov_provider.worker import service as _service

COMMANDS = {"openstack": shell.main, "sriov-provider": ours.main}
# Imported by most commands, on their first use.
IMPORTED = (_connection, _flavor, _network, _load_balancer, _service)
CLIENT = """\
#!{python} -IS
import json, os, socket, sys
server = socket.socket(socket.AF_UNIX)
server.connect({socket!r})
request = json.dumps([{name!r}, os.getcwd(), sys.argv[1:]]).encode()
socket.send_fds(server, [request], [0, 1, 2])
sys.exit(int(server.recv(16) or 70))
"""


def serve(directory: Path) -> None:
    """Until standard input ends."""
    with contextlib.redirect_stdout(io.StringIO()):
        shell.main(["module", "list"])  # asks no cloud, and has every plugin loaded
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(directory / "prefork.socket"))
    listener.listen()
    for name in COMMANDS:
        text = CLIENT.format(python=sys.executable, socket=listener.getsockname(), name=name)
        (directory / name).write_text(text)
        (directory / name).chmod(0o755)
    print("ready", flush=True)
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    selector.register(sys.stdin, selectors.EVENT_READ)
    while all(key.fileobj is listener for key, _ in selector.select()):
        client = listener.accept()[0]
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            listener.close()
            answer(client)
        client.close()


def answer(client: socket.socket) -> None:
    """Runs one command in this process, and ends it."""
    request, streams, *_ = socket.recv_fds(client, 1 << 16, 3)
    name, directory, arguments = json.loads(request)
    os.chdir(directory)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    code = 70
    try:
        code = int(COMMANDS[name](arguments) or 0)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        client.send(str(code).encode())
        os._exit(code)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
