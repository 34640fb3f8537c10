"""The only writer of the table: documents in, one transaction out."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amphora_agent_ext import kernel, links, model, namespace, patch, render, store
from amphora_agent_ext.errors import FirewallError
from amphora_agent_ext.memory import Memory
from amphora_agent_ext.store import Record
from amphora_agent_ext.totals import Tally, Totals

LOG = logging.getLogger(__name__)
# The digest of no document.
NONE = ""


@dataclasses.dataclass(frozen=True)
class State:
    """:ivar digest: of the document in force, empty when there is none or ``drifted``
    :ivar table: fingerprint of the table the kernel holds, empty when there is none
    :ivar drifted: somebody else has changed the table
    :ivar interfaces: MAC address -> interface name, None while it is not in the namespace
    :ivar counters: JSON form of what was counted, None when nobody asked
    """

    digest: str
    table: str
    drifted: bool
    interfaces: Mapping[str, str | None]
    counters: Mapping[str, Any] | None

    def plain(self) -> dict[str, Any]:
        """JSON form."""
        body = dataclasses.asdict(self)
        if self.counters is None:
            del body["counters"]
        return body


@dataclasses.dataclass(frozen=True)
class _Force:
    """What is in force.

    :ivar record: what was applied last; None when the kernel holds anything else
    """

    table: str
    record: Record | None


@dataclasses.dataclass(frozen=True)
class Firewall:
    """The firewall of one amphora. Holds no connection; several may exist (they share a lock).

    :ivar netns: name of the network namespace that carries user traffic
    :ivar state: file of the last applied document
    :ivar plugged: the stock agent's list of interfaces to bring back after a reboot
    """

    netns: str = namespace.AMPHORA
    state: Path = store.STATE
    plugged: Path = links.PLUGGED
    memory: Memory = dataclasses.field(default_factory=Memory, compare=False, repr=False)

    def apply(self, document: model.Document, *, counters: bool = True) -> State:
        """Put the document in force and keep it. The same document again writes nothing.

        :raises FirewallError: what was in force before is in force
        """
        with store.locked(self.state):
            namespace.ensure(self.netns)
            names = self._names(document)
            if _digest(self._kept()) != _digest(document) or not self._stands(document, names):
                self._change(document, names)
            return self._read(counters)

    def restore(self) -> None:
        """Put the kept document in force, with the interface names of now.

        Without one, or with one that cannot be read, everything is dropped.
        """
        with store.locked(self.state):
            namespace.ensure(self.netns)
            document = self._kept()
            names = self._names(document)
            if not self._stands(document, names):
                self._install(document, names)

    def read(self, *, counters: bool = True) -> State:
        """What is in force, from the kernel."""
        with store.locked(self.state):
            return self._read(counters)

    def _read(self, counters: bool) -> State:
        force = self._force()
        document = self._kept() or model.Document()
        names = links.live(self.netns)
        return State(
            digest=force.record.document if force.record else NONE,
            table=force.table,
            drifted=force.record is None,
            interfaces={i.mac: names.get(i.mac) for i in document.interfaces},
            counters=self._totals(document).plain() if counters else None,
        )

    def _kept(self) -> model.Document | None:
        try:
            return self.memory.document(self.state)
        except FirewallError as error:
            LOG.error("The amphora drops everything until it gets a document: %s", error)
            return None

    def _force(self) -> _Force:
        table = self.memory.fingerprint(self.netns)
        record = store.record(self.state)
        return _Force(table, record if record and table and record.table == table else None)

    def _stands(self, document: model.Document | None, names: Mapping[str, str]) -> bool:
        """True when the kernel holds what this would write."""
        record = self._force().record
        wanted = render.EDITION, _digest(document), names
        return record is not None and (record.edition, record.document, record.names) == wanted

    def _change(self, document: model.Document, names: Mapping[str, str]) -> None:
        try:
            with store.saving(self.state, document):
                self._install(document, names)
        except FirewallError:
            self._back()
            raise
        self.memory.remember(self.state, document)

    def _back(self) -> None:
        """A refused transaction changed nothing, but what was in force may not be the document."""
        try:
            kept = self._kept()
            names = self._names(kept)
            if not self._stands(kept, names):
                self._install(kept, names)
        except FirewallError as error:
            LOG.error("The last good document could not be put back in force: %s", error)

    def _install(self, document: model.Document | None, names: Mapping[str, str]) -> None:
        if document and document.log:
            kernel.log_everywhere()
        force = self._force()
        base = self._patched(document, names, force) or self._replaced(document, names, force)
        digest, table = _digest(document), self.memory.fingerprint(self.netns)
        store.keep(self.state, Record(render.EDITION, digest, names, table, base))
        LOG.info("Firewall in force: document %r, interfaces %s", digest, names)

    def _patched(
        self, document: model.Document | None, names: Mapping[str, str], force: _Force
    ) -> Totals | None:
        """Change what is different; None when what is in force is not known for sure.

        :returns: what was counted and is not in the kernel's counters any more
        """
        kept, record = self._kept(), force.record
        if not record or record.edition != render.EDITION or _digest(kept) != record.document:
            return None
        old = self.memory.ruleset(kept, record.names)
        change = patch.patch(old, self.memory.ruleset(document, names))
        tally = kernel.tally(self.netns)
        try:
            kernel.replace(self.netns, change.text)
            kernel.sweep(self.netns, change.sweep)
        except FirewallError as error:
            LOG.warning("The table is made anew, something else had changed it: %s", error)
            return None
        counted = tally.totals(kept or model.Document()).plus(record.base)
        left = tally.only(change.kept).totals(document or model.Document())
        return _none(document).plus(counted).plus(left, -1)

    def _replaced(
        self, document: model.Document | None, names: Mapping[str, str], force: _Force
    ) -> Totals:
        """Make the whole table anew; returns what was counted so far."""
        text = render.text(self.memory.ruleset(document, names))
        # Without a table this is a new namespace: nothing was counted there yet.
        counted = self._totals(self._kept() or model.Document()) if force.table else Totals()
        kernel.replace(self.netns, render.transaction(text))
        return _none(document).plus(counted)

    def _totals(self, document: model.Document) -> Totals:
        """What was ever counted for the listeners of the document."""
        record = store.record(self.state)
        tally = Tally()
        with contextlib.suppress(FirewallError):  # somebody may have deleted what counts
            tally = kernel.tally(self.netns)
        return tally.totals(document).plus(record.base if record else Totals())

    def _names(self, document: model.Document | None) -> dict[str, str]:
        names = links.merge(links.live(self.netns), links.planned(self.plugged))
        wanted = {i.mac for i in document.interfaces} if document else set()
        return {mac: name for mac, name in names.items() if mac in wanted}


def _digest(document: model.Document | None) -> str:
    return model.digest(document) if document else NONE


def _none(document: model.Document | None) -> Totals:
    return Tally().totals(document or model.Document())
