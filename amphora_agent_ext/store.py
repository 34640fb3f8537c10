"""On disk, so that a reboot or a new agent finds it: the last document, and what became of it."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from amphora_agent_ext import model, schema, totals
from amphora_agent_ext.errors import DocumentError, FirewallError
from amphora_agent_ext.totals import Totals

STATE = Path("/var/lib/octavia/sriov-firewall.json")


@dataclasses.dataclass(frozen=True)
class Record:
    """What was applied last.

    :ivar edition: of the renderer
    :ivar document: digest of the document, empty when there was none
    :ivar names: MAC address -> interface name it was rendered with
    :ivar table: fingerprint of the table the kernel then held
    :ivar base: what was counted but is not in the kernel's counters any more
    """

    edition: int
    document: str
    names: Mapping[str, str]
    table: str
    base: Totals


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
    with contextlib.ExitStack() as undo:
        name = _prepare(path, document.text)
        undo.callback(name.unlink, missing_ok=True)
        yield
        name.replace(path)


def record(path: Path) -> Record | None:
    """The record beside the document in ``path``, None when there is none of use."""
    try:
        body = json.loads(_beside(path).read_bytes())
        return Record(
            body["edition"],
            body["document"],
            body["names"],
            body["table"],
            totals.from_plain(body["base"]),
        )
    except (OSError, ValueError, LookupError, TypeError):
        return None  # as after a change by hand: what is in force is not known


def write(path: Path, text: str) -> None:
    """Put a file in place as a whole; its owner alone can read it.

    :raises FirewallError: it cannot be written
    """
    _prepare(path, text).replace(path)


def keep(path: Path, record: Record) -> None:
    """Write the record.

    :raises FirewallError: it cannot be written
    """
    body = {**dataclasses.asdict(record), "base": record.base.plain()}
    write(_beside(path), json.dumps(body))


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """One at a time: the agent or a person at the console."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = path.with_suffix(".lock").open("w")
    except OSError as error:
        raise FirewallError(f"{path} cannot be locked", str(error)) from error
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _beside(path: Path) -> Path:
    return path.with_suffix(".applied")


def _prepare(path: Path, text: str) -> Path:
    try:
        return _write(path, text)
    except OSError as error:
        raise FirewallError(f"{path} cannot be written", str(error)) from error


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
