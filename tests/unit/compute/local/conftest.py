"""A node whose host is played: wires, processes and namespaces on dicts, records on disk."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pytest

from sriov_provider.compute.local import cgroups, files, interfaces
from sriov_provider.compute.local.neutron import Ports
from sriov_provider.compute.local.node import Node
from sriov_provider.compute.local.records import Amphora, Nic, Records
from sriov_provider.config_local import Local
from sriov_provider.errors import Code, ProviderError
from sriov_provider.portdriver.base import Namespace, Plugged, Report
from tests.fakes.neutron_rest import NeutronRest


class Wires:
    """In place of HostPorts.

    :ivar at: what is plugged, by port
    :ivar broken: ports that cannot be plugged, and why
    :ivar stuck: ports that cannot be taken out
    :ivar late: ports that are plugged just after a reconciliation
    :ivar done: verbs and ports
    """

    def __init__(self) -> None:
        self.at: dict[str, Plugged] = {}
        self.broken: dict[str, Exception] = {}
        self.stuck: set[str] = set()
        self.late: set[str] = set()
        self.done: list[str] = []

    def plug(
        self, port: Mapping[str, Any], _subnets: Any, _network: Any, where: Namespace, name: str
    ) -> Plugged:
        self.done.append(f"plug {port['id']}")
        if port["id"] in self.broken:
            raise self.broken[port["id"]]
        made = Plugged(port["id"], port["mac_address"], "0000:81:02.3", "sriov", where, name)
        return self.at.setdefault(port["id"], made)

    def unplug(self, port_id: str) -> None:
        self.done.append(f"unplug {port_id}")
        if port_id in self.stuck:
            raise ProviderError(Code.HOST_NETWORK, "", f"{port_id} is stuck")
        self.at.pop(port_id, None)

    def plugged(self) -> tuple[Plugged, ...]:
        return tuple(self.at.values())

    def reconcile(self, wanted: Collection[str]) -> Report:
        released = tuple(p for p in self.at if p not in wanted)
        for port_id in released:
            del self.at[port_id]
        return Report(tuple(p for p in self.at if p not in self.late), released)


class Running:
    """In place of Processes."""

    def __init__(self) -> None:
        self.commands = Path("/venv/bin")
        self.now: set[str] = set()
        self.starts: list[str] = []

    def start(self, amphora_id: str, *_: Any) -> None:
        self.starts.append(amphora_id)
        self.now.add(amphora_id)

    def stop(self, amphora_id: str) -> None:
        self.now.discard(amphora_id)

    def running(self, amphora_id: str) -> bool:
        return amphora_id in self.now

    def pid(self, amphora_id: str) -> int | None:
        return 4711 if amphora_id in self.now else None


@dataclasses.dataclass
class Stage:
    """:ivar back: MAC addresses of interfaces that were fetched from inside amphorae"""

    node: Node
    neutron: NeutronRest
    wires: Wires
    running: Running
    records: Records
    back: list[str]

    def amphora(self, amphora_id: str, *port_ids: str) -> Amphora:
        """One that runs, with its ports plugged."""
        found = Amphora(amphora_id, f"amphora-{amphora_id}", built=True)
        for port_id in port_ids:
            port = self.node._ports.take(port_id, amphora_id)
            nic = self.node._ports.nic(port, found.next_number())
            made = self.wires.plug(port, (), {}, found.namespace, nic.name)
            found = found.with_nic(dataclasses.replace(nic, driver=made.driver, device=made.device))
        self.running.now.add(amphora_id)
        self.wires.done.clear()
        return self.records.save(found)

    def nic(self, amphora_id: str, port_id: str) -> Nic | None:
        amphora = self.records.get(amphora_id)
        return amphora.nic(port_id) if amphora else None

    def damage(self, amphora_id: str) -> None:
        (self.records.directory(amphora_id) / "amphora.json").write_text("")


def stage(place: Path, **settings: Any) -> Stage:
    neutron, wires, running, records = NeutronRest(), Wires(), Running(), Records(place)
    neutron.network("n", "192.0.2.0/24")
    ports = Ports(Any, None)  # type: ignore[arg-type]
    ports._neutron = neutron  # type: ignore[assignment]
    local = Local(state_path=place, **settings)
    groups = cgroups.Cgroups("sriov", None)
    node = Node(local, records, ports, wires, running, groups)  # type: ignore[arg-type]
    return Stage(node, neutron, wires, running, records, [])


@pytest.fixture
def one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    made = stage(tmp_path / "state")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(interfaces, "make_namespace", Path)
    monkeypatch.setattr(interfaces, "remove_namespace", lambda _name: None)
    monkeypatch.setattr(interfaces, "configure", lambda *_: None)
    monkeypatch.setattr(interfaces, "bring_back", lambda _pid, mac, _name: made.back.append(mac))
    monkeypatch.setattr(files, "refresh", lambda *_: None)
    return made
