"""The only writer of the table: documents in, one transaction out."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amphora_agent_ext import kernel, links, model, namespace, render, store
from amphora_agent_ext.errors import FirewallError
from amphora_agent_ext.totals import Totals

LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class State:
    """:ivar digest: of the document in force, empty when there is none
    :ivar interfaces: MAC address -> interface name, None while it is not in the namespace
    :ivar counters: JSON form of what was counted
    """

    digest: str
    interfaces: Mapping[str, str | None]
    counters: Mapping[str, Any]


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

    def apply(self, document: model.Document) -> State:
        """Put the document in force and keep it. The same document again writes nothing.

        :raises FirewallError: nothing changed
        """
        with store.locked(self.state), store.saving(self.state, document):
            self._install(document)
        return self.read(document)

    def restore(self) -> None:
        """Put the kept document in force, with the interface names of now.

        Without one, or with one that cannot be read, everything is dropped.
        """
        with store.locked(self.state):
            try:
                document = store.load(self.state)
            except FirewallError as error:
                LOG.error("The amphora drops everything until it gets a document: %s", error)
                document = None
            self._install(document)

    def read(self, document: model.Document | None = None) -> State:
        """What is in force, from the kernel."""
        mark = kernel.mark(self.netns)
        if mark is None:
            raise FirewallError("The table is not there", render.TABLE)
        rules = document or self._kept() or model.Document()
        names = links.live(self.netns)
        return State(
            digest=mark.document,
            interfaces={i.mac: names.get(i.mac) for i in rules.interfaces},
            counters=kernel.totals(self.netns).report(rules),
        )

    def _kept(self) -> model.Document | None:
        try:
            return store.load(self.state)
        except FirewallError:
            return None  # restore() has told it; what is in force is an empty document

    def _install(self, document: model.Document | None) -> None:
        namespace.ensure(self.netns)
        names = self._names(document)
        present = kernel.mark(self.netns)
        wanted = render.mark(document, names)
        if present == wanted:
            return
        totals = kernel.totals(self.netns) if present else Totals()
        text = render.table(document, names, totals)
        self._replace(text, present, document or model.Document())
        LOG.info("Firewall table replaced, document %r, interfaces %s", wanted.document, names)

    def _replace(self, text: str, present: render.Mark | None, wanted: model.Document) -> None:
        before = self._before(present)
        if before is not None:
            try:
                kernel.replace(self.netns, render.refill(text, before, wanted))
            except FirewallError as error:
                LOG.warning("The table is made anew, something else had changed it: %s", error)
            else:
                return
        kernel.replace(self.netns, render.transaction(text))

    def _before(self, present: render.Mark | None) -> model.Document | None:
        """The document whose table is in force, None where that is not known for sure."""
        if present is None or present.edition != render.EDITION:
            return None
        if not present.document:
            return model.Document()
        kept = self._kept()
        return kept if kept and model.digest(kept) == present.document else None

    def _names(self, document: model.Document | None) -> dict[str, str]:
        names = links.merge(links.live(self.netns), links.planned(self.plugged))
        wanted = {i.mac for i in document.interfaces} if document else set()
        return {mac: name for mac, name in names.items() if mac in wanted}
