"""What one process remembers, so that it need not read and render it again."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping
from pathlib import Path

from pyroute2 import netns

from amphora_agent_ext import kernel, model, render, store
from amphora_agent_ext.errors import FirewallError
from amphora_agent_ext.ruleset import Ruleset

Stamp = tuple[int, ...]


@dataclasses.dataclass
class Memory:
    """Nothing in it is believed without a look at what it came from.

    :ivar kept: state of the file -> document in it
    :ivar held: namespace, generation of its ruleset -> fingerprint of the table
    :ivar rendered: digest of the document and interface names -> the table
    """

    kept: tuple[Stamp, model.Document | None] | None = None
    held: tuple[int, int, str] | None = None
    rendered: tuple[str, Mapping[str, str], Ruleset] | None = None

    def document(self, path: Path) -> model.Document | None:
        """As :func:`store.load`."""
        stamp = _stamp(path)
        if self.kept is None or self.kept[0] != stamp:
            self.kept = (stamp, store.load(path))
        return self.kept[1]

    def remember(self, path: Path, document: model.Document) -> None:
        """That ``path`` now holds the document."""
        self.kept = (_stamp(path), document)

    def fingerprint(self, name: str) -> str:
        """What the kernel holds; as long as nobody changes a ruleset it is not read again."""
        place = _inode(name)
        if self.held is None or self.held[:2] != (place, kernel.generation(name)):
            self.held = (place, *kernel.fingerprint(name))
        return self.held[2]

    def ruleset(self, document: model.Document | None, names: Mapping[str, str]) -> Ruleset:
        """As :func:`render.ruleset`."""
        digest = model.digest(document) if document else ""
        if self.rendered is None or self.rendered[:2] != (digest, names):
            self.rendered = (digest, dict(names), render.ruleset(document, names))
        return self.rendered[2]


def _stamp(path: Path) -> Stamp:
    with contextlib.suppress(FileNotFoundError):
        found = path.stat()
        return found.st_ino, found.st_mtime_ns, found.st_size
    return ()


def _inode(name: str) -> int:
    try:
        return (Path(netns.NETNS_RUN_DIR) / name).stat().st_ino
    except OSError as error:
        raise FirewallError(f"Namespace {name} cannot be entered", str(error)) from error
