"""Commands whose output goes to a log."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def run(log: Path, *command: str, **env: str) -> None:
    """A command that must succeed.

    :raises subprocess.CalledProcessError: it does not
    """
    with log.open("a") as out:
        out.write(f"+ {' '.join(command)}\n")
        out.flush()
        whole = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8", **env}
        subprocess.run(command, stdout=out, stderr=out, env=whole, check=True)
