"""A server: a network namespace and private mounts in which an amphora agent runs.

No virtual machine and no image content: /etc, /var/lib, /var/log, /run, the systemd units and
/usr/local/bin are overlays of this machine's, with Nova's injected files (the configuration
drive) on top. init.sh is the pid 1 of each server.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.demo.settings import LIVE
from tests.demo.virt import links

HERE = Path(__file__).resolve().parent
BASE = LIVE / "amphorae"
NAMESPACES = ("--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child")
LAYERS = ("etc", "units", "bin", "var-lib", "var-log")


def namespace(uuid: str) -> str:
    """The network namespace of a server."""
    return "amp-" + uuid[:8]


def directory(uuid: str) -> Path:
    """Where the layers of a server are."""
    return BASE / uuid


def agent_for(name: str) -> str:
    """The agent an image would bring, decided by its name."""
    return "amphora-agent" if "stock" in name else "sriov-amphora-agent"


def image(uuid: str) -> str:
    """The name of the image a server was made of; it is with its disk."""
    return (directory(uuid) / "image").read_text()


def inject(uuid: str, files: Iterable[tuple[str, bytes | str]]) -> list[str]:
    """Lays the files of the configuration drive over the server's /etc; what was left out."""
    refused = []
    for path, data in files:
        top, _, rest = path.lstrip("/").partition("/")
        if top != "etc" or ".." in path:
            refused.append(path)
            continue
        target = directory(uuid) / "etc" / rest
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data.encode() if isinstance(data, str) else data)
    return refused


def create(
    uuid: str, name: str, host: str, made_of: str, files: Iterable[tuple[str, bytes | str]]
) -> list[str]:
    """Everything up to the point where ports can be plugged; the files that were left out.

    Of a server that comes from another host its disk is there, and its wires have to go.
    """
    for layer in LAYERS:
        (directory(uuid) / layer).mkdir(parents=True, exist_ok=True)
        (directory(uuid) / "work" / layer).mkdir(parents=True, exist_ok=True)
    (directory(uuid) / "nics").write_text("0")
    (directory(uuid) / "name").write_text(name)
    (directory(uuid) / "host").write_text(host)
    (directory(uuid) / "image").write_text(made_of)
    refused = inject(uuid, files)
    links.run("ip", "netns", "del", namespace(uuid), check=False)
    links.run("ip", "netns", "add", namespace(uuid))
    links.run("ip", "-n", namespace(uuid), "link", "set", "lo", "up")
    return refused


def plug(uuid: str, vif: Any) -> str:
    """Plugs a port; the name of its interface in the server."""
    counter = directory(uuid) / "nics"
    number = int(counter.read_text())
    counter.write_text(str(number + 1))
    name = f"eth{number}"
    host = links.host_end(vif["id"])
    links.plug(namespace(uuid), name, host, vif["network"]["id"], vif["address"])
    return name


def configure(uuid: str, name: str, addresses: Sequence[str]) -> None:
    """What DHCP would do on the boot network."""
    for address in addresses:
        # an IPv6 address could not be used for a second otherwise
        now = ("nodad",) if ":" in address else ()
        links.run("ip", "-n", namespace(uuid), "addr", "add", address, "dev", name, *now)
    links.run("ip", "-n", namespace(uuid), "link", "set", name, "up")


def boot(uuid: str, name: str) -> subprocess.Popen[bytes]:
    """Starts init.sh in the server's namespaces."""
    place = directory(uuid)
    log = Path(os.environ["DEMO_LOG"]) / f"amphora-{uuid[:8]}"
    enter = ("ip", "netns", "exec", namespace(uuid), "unshare", *NAMESPACES)
    arguments = (str(place), name, agent_for(image(uuid)), str(log))
    with Path(f"{log}-console.log").open("ab") as console:
        process = subprocess.Popen(
            [*enter, "bash", str(HERE / "init.sh"), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            start_new_session=True,
        )
    (place / "init.pid").write_text(str(process.pid))
    return process


def recover(host: str) -> Iterator[tuple[str, str]]:
    """(uuid, name) of the servers which run on a host."""
    for place in BASE.iterdir():
        try:
            if (place / "host").read_text() != host:
                continue
            os.kill(int((place / "init.pid").read_text()), 0)
        except (OSError, ValueError):
            continue
        yield place.name, (place / "name").read_text()


def destroy(uuid: str, process: subprocess.Popen[bytes] | None) -> None:
    """Ends a server; it may be half-built or gone."""
    with contextlib.suppress(OSError, ValueError):
        os.killpg(int((directory(uuid) / "init.pid").read_text()), signal.SIGKILL)
    if process is not None:
        process.wait(10)
    time.sleep(0.1)
    links.run("ip", "netns", "del", namespace(uuid), check=False)
    shutil.rmtree(directory(uuid), ignore_errors=True)
