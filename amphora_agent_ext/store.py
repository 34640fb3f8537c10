"""The last document that was applied, on disk, so that a reboot brings it back."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from amphora_agent_ext import model, schema
from amphora_agent_ext.errors import DocumentError, FirewallError

STATE = Path("/var/lib/octavia/sriov-firewall.json")


def load(path: Path) -> model.Document | None:
    """The document kept in ``path``, None when none was ever kept.

    :raises FirewallError: there is a file, but no valid document in it
    """
    try:
        return schema.parse(json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, DocumentError) as error:
        raise FirewallError(f"{path} cannot be read", str(error)) from error


def save(path: Path, document: model.Document) -> None:
    """Keep the document; a crash leaves the old file or the new one, never half of one."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, json.dumps(model.canonical(document), sort_keys=True))
    except OSError as error:
        raise FirewallError(f"{path} cannot be written", str(error)) from error


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """One writer at a time: the agent or a person at the console."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _replace(path: Path, text: str) -> None:
    # mkstemp makes the file readable by its owner alone (0600).
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as handle:
            handle.write(text)
            handle.flush()
            os.fsync(handle.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
