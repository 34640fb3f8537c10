"""Against a socket that answers as the driver-agent does."""

from __future__ import annotations

import dataclasses
import json
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from octavia_lib.api.drivers.exceptions import UpdateStatusError

from sriov_provider.config import Sockets
from sriov_provider.errors import Code, NobodyThere
from sriov_provider.records import ObjectType
from sriov_provider.status.agent_client import AgentClient


class _Agent(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    answer: Any = {}
    asked: list[Any]


class _Handler(socketserver.StreamRequestHandler):
    server: _Agent

    def handle(self) -> None:
        size = int(self.rfile.readline())
        self.server.asked.append(json.loads(self.rfile.read(size)))
        if self.server.answer is None:
            return
        payload = json.dumps(self.server.answer).encode()
        self.wfile.write(b"%d\n%s" % (len(payload), payload))


@dataclasses.dataclass
class Agent:
    sockets: Sockets
    get: _Agent
    status: _Agent


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    servers = {}
    for name in ("get", "status", "stats"):
        servers[name] = _Agent(str(tmp_path / name), _Handler)
        servers[name].asked = []
        threading.Thread(target=servers[name].serve_forever, args=(0.05,), daemon=True).start()
    paths = {name: str(tmp_path / name) for name in servers}
    yield Agent(Sockets(**paths), servers["get"], servers["status"])
    for server in servers.values():
        server.shutdown()
        server.server_close()


def test_tree_comes_as_octavia_lib_gives_it(agent: Agent) -> None:
    agent.get.answer = {"loadbalancer_id": "lb", "name": "web", "pools": []}
    found = AgentClient(agent.sockets).get_tree("lb")
    assert (found.loadbalancer_id, found.name) == ("lb", "web")
    assert agent.get.asked == [{"object": "loadbalancers", "id": "lb"}]


@pytest.mark.parametrize("object_type", sorted(set(ObjectType) - {ObjectType.AMPHORA}))
def test_every_type_can_be_looked_for(agent: Agent, object_type: ObjectType) -> None:
    client = AgentClient(agent.sockets)
    agent.get.answer = {}
    assert client.exists(object_type, "x") is False
    agent.get.answer = {"project_id": "x"}
    assert client.exists(object_type, "x") is True
    assert agent.get.asked == [{"object": object_type.value, "id": "x"}] * 2


def test_statuses_are_handed_over(agent: Agent) -> None:
    batch = {"loadbalancers": [{"id": "lb", "provisioning_status": "ACTIVE"}]}
    agent.status.answer = {"status_code": 200}
    client = AgentClient(agent.sockets)
    client.update_status(batch)
    assert agent.status.asked == [batch]
    agent.status.answer = {
        "status_code": 500,
        "fault_string": "no",
        "status_object": "loadbalancers",
        "status_object_id": "lb",
    }
    with pytest.raises(UpdateStatusError) as raised:
        client.update_status(batch)
    assert raised.value.status_object_id == "lb"


def test_missing_sockets_are_waited_for_but_not_long(tmp_path: Path) -> None:
    client = AgentClient(Sockets(*(str(tmp_path / n) for n in ("a", "b", "c"))), wait=0.3)
    begin = time.monotonic()
    with pytest.raises(NobodyThere) as raised:
        client.get_tree("lb")
    assert 0.3 <= time.monotonic() - begin < 5
    assert raised.value.retriable
    assert raised.value.reason.code is Code.CLOUD_ERROR
    assert str(tmp_path / "a") in raised.value.reason.operator


def test_an_agent_that_went_away_is_explained(agent: Agent) -> None:
    client = AgentClient(agent.sockets)
    agent.get.answer = {}
    assert client.get_tree("lb") is None
    Path(agent.sockets.get).unlink()
    with pytest.raises(NobodyThere) as raised:
        client.get_tree("lb")
    assert raised.value.retriable
    left = socket.socket(socket.AF_UNIX)
    left.bind(agent.sockets.get)
    left.close()
    with pytest.raises(NobodyThere, match="refused"):
        client.get_tree("lb")
