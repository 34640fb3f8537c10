"""A server that is no amphora: it runs its user data, as cloud-init does in a virtual machine."""

from __future__ import annotations

import base64
import os
import subprocess
from pathlib import Path

from tests.demo.virt import server

# pid 1 of the server; what the user data starts in the background stays
INIT = """\
mount -t proc proc /proc
mount -t tmpfs tmpfs /tmp
cd /
sh "$1"
exec sleep infinity
"""


def boot(uuid: str, user_data: str | None) -> subprocess.Popen[bytes]:
    """Starts a server whose ports are plugged and configured.

    :param user_data: a shell script in base64, as Nova keeps it
    """
    place = server.directory(uuid)
    script = place / "user-data"
    script.write_bytes(base64.b64decode(user_data or ""))
    log = Path(os.environ["DEMO_LOG"]) / f"guest-{uuid[:8]}.log"
    namespaces = ("ip", "netns", "exec", server.namespace(uuid), "unshare", *server.NAMESPACES)
    with log.open("ab") as console:
        process = subprocess.Popen(
            [*namespaces, "sh", "-c", INIT, "guest", str(script)],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            start_new_session=True,
        )
    (place / "init.pid").write_text(str(process.pid))
    return process
