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
        return schema.decode(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, DocumentError) as error:
        raise FirewallError(f"{path} cannot be read", str(error)) from error


@contextlib.contextmanager
def saving(path: Path, document: model.Document) -> Iterator[None]:
    """Keep the document if the body succeeds; it is on the disk, under another name, before.

    A crash leaves the old file or the new one, never half of one.

    :raises FirewallError: it cannot be written; the body has not run then
    """
    text = json.dumps(model.canonical(document), sort_keys=True)
    with contextlib.ExitStack() as undo:
        try:
            name = _write(path, text)
        except OSError as error:
            raise FirewallError(f"{path} cannot be written", str(error)) from error
        undo.callback(name.unlink, missing_ok=True)
        yield
        name.replace(path)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """One writer at a time: the agent or a person at the console."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = path.with_suffix(".lock").open("w")
    except OSError as error:
        raise FirewallError(f"{path} cannot be locked", str(error)) from error
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    # mkstemp makes the file readable by its owner alone (0600).
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w") as handle:
        try:
            handle.write(text)
            handle.flush()
            os.fsync(handle.fileno())
        except OSError:
            Path(name).unlink()
            raise
    return Path(name)
