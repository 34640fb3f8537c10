"""The REST client against a real server with mutual TLS."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import pytest
from oslo_config.fixture import Config

from sriov_provider.amphora import octavia_rest
from sriov_provider.amphora.base import AgentInfo, Endpoint, FirewallState
from sriov_provider.amphora.client import AgentClient, Pace
from sriov_provider.amphora.octavia_config import Templates
from sriov_provider.amphora.octavia_rest import Agents
from sriov_provider.amphora.reply import Reply
from sriov_provider.errors import Code, ProviderError
from tests.functional.amphora.server import Agent, Answer, serving
from tests.unit.amphora import pki, tls_scenarios
from tests.unit.amphora.conftest import octavia
from tests.unit.amphora.scenarios import AMPHORA, LB, PEER, PEER_PORT
from tests.unit.amphora.test_plugs import VIP, WIRE_VIP

__all__ = ["octavia"]
ENDPOINT = Endpoint(AMPHORA, "127.0.0.1")
INFO = {"api_version": "1.0", "haproxy_version": "2.6.12-1\n"}


class Start(Protocol):
    def __call__(
        self, agent: Agent | None = None, cn: str = AMPHORA, issuer: str = "server CA"
    ) -> AbstractContextManager[Agent]: ...


@pytest.fixture
def start(octavia: Config, tmp_path: Path) -> Start:
    """Servers with a certificate of choice; the client's settings point at the last one."""
    octavia.config(
        group="haproxy_amphora",
        server_ca=pki.write(tmp_path, "ca.pem", pki.authority("server CA").certificate),
        client_cert=pki.write(tmp_path, "client.pem", pki.issued("octavia", "client CA").pem),
        rest_request_conn_timeout=2,
        rest_request_read_timeout=2,
    )
    accepted = pki.write(tmp_path, "client_ca.pem", pki.authority("client CA").certificate)

    @contextlib.contextmanager
    def _start(
        agent: Agent | None = None, cn: str = AMPHORA, issuer: str = "server CA"
    ) -> Iterator[Agent]:
        pem = pki.write(tmp_path, f"{cn}-{issuer}.pem", pki.issued(cn, issuer).pem)
        with serving(pem, accepted, agent or Agent()) as running:
            octavia.config(group="haproxy_amphora", bind_port=running.port)
            yield running

    return _start


def failure(**more: object) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        Agents().request(ENDPOINT, "GET", "info", **more)  # type: ignore[arg-type]
    return caught.value


def test_mutual_tls_and_answer(start: Start) -> None:
    with start(Agent(answers={"POST /1.0/x": [Answer(202, {"a": 1})]})) as agent:
        answer = Agents().request(ENDPOINT, "POST", "x", json={"b": 2})
        assert answer == Reply(202, {"a": 1}, '{"a": 1}')
        assert json.loads(agent.requests[0][2]) == {"b": 2}


@pytest.mark.parametrize(("status", "body"), [(500, "<p>no</p>"), (404, "x"), (400, "x")])
def test_every_status_is_an_answer(start: Start, status: int, body: str) -> None:
    with start(Agent(answers={"GET /1.0/info": [Answer(status, body)]})):
        assert Agents().request(ENDPOINT, "GET", "info") == Reply(status, None, body)


def test_broken_json_is_an_answer_without_a_body(start: Start) -> None:
    with start(Agent(answers={"GET /1.0/info": [Answer(200, '{"api', html=False)]})):
        assert Agents().request(ENDPOINT, "GET", "info") == Reply(200, None, '{"api')


@pytest.mark.parametrize(("cn", "issuer"), [(PEER, "server CA"), (AMPHORA, "other CA")])
def test_server_that_is_not_the_amphora(start: Start, cn: str, issuer: str) -> None:
    """Another amphora's certificate is no better than a stranger's."""
    with start(cn=cn, issuer=issuer) as agent:
        error = failure()
        assert error.reason.code is Code.CERTIFICATE
        assert AMPHORA in error.reason.operator and AMPHORA not in error.reason.user
        assert agent.requests == []


def test_client_without_the_right_certificate(
    start: Start, octavia: Config, tmp_path: Path
) -> None:
    with start() as agent:
        wrong = pki.write(tmp_path, "wrong.pem", pki.issued("octavia", "other CA").pem)
        octavia.config(group="haproxy_amphora", client_cert=wrong)
        # The refusal comes after the client's part of the handshake: as an alert, or as a closed
        # connection when the request was written before it arrived.
        assert failure().reason.code in (Code.CERTIFICATE, Code.AGENT_UNREACHABLE)
        assert agent.requests == []


@pytest.mark.parametrize("option", ["client_cert", "server_ca"])
def test_missing_file(start: Start, octavia: Config, option: str) -> None:
    with start():
        octavia.config(group="haproxy_amphora", **{option: "/nowhere/at-all.pem"})
        error = failure()
        assert error.reason.code is Code.CONFIGURATION
        assert "/nowhere/at-all.pem" in error.reason.operator
        assert "/nowhere/at-all.pem" not in error.reason.user


def test_nobody_listens(start: Start) -> None:
    with start():
        pass
    begin = time.monotonic()
    error = failure()
    assert error.reason.code is Code.AGENT_UNREACHABLE and error.retriable
    assert time.monotonic() - begin < 5


def test_slow_answer_is_not_asked_for_again(start: Start) -> None:
    with start(Agent(answers={"GET /1.0/info": [Answer(delay=1)]})) as agent:
        error = failure(timeout=(1.0, 0.2))
        assert error.reason.code is Code.AGENT_UNREACHABLE and error.retriable
        assert len(agent.requests) == 1


@pytest.mark.parametrize(("attempts", "succeeds"), [(3, True), (1, False)])
def test_broken_connection(start: Start, attempts: int, succeeds: bool) -> None:
    script = [Answer(hang_up=True), Answer(200, INFO)]
    with start(Agent(answers={"GET /1.0/info": script})) as agent:
        if succeeds:
            assert Agents().request(ENDPOINT, "GET", "info", attempts=attempts).ok
        else:
            assert failure(attempts=attempts).reason.code is Code.AGENT_UNREACHABLE
        assert len(agent.requests) == (2 if succeeds else 1)


def test_connection_is_kept(start: Start) -> None:
    with start(Agent(answers={"GET /1.0/info": [Answer(200, INFO)]})) as agent:
        agents = Agents()
        for _ in range(3):
            assert agents.request(ENDPOINT, "GET", "info").ok
        assert len(agent.connections) == 1


def test_agent_restarts_between_two_calls(start: Start) -> None:
    """The connection kept is dead by then."""
    agents = Agents()
    answers = {"GET /1.0/info": [Answer(200, INFO)]}
    with start(Agent(answers=answers)) as first:
        assert agents.request(ENDPOINT, "GET", "info").ok
    with start(Agent(port=first.port, answers=answers)) as second:
        assert agents.request(ENDPOINT, "GET", "info").ok
        assert len(second.requests) == 1


def test_threads_do_not_share_the_name_that_is_checked(start: Start) -> None:
    """Two amphorae behind one client, asked at the same time, many times."""
    answers = {"GET /1.0/info": [Answer(200, INFO, delay=0.01)]}
    agents, both = Agents(), threading.Barrier(2)
    right, wrong = ENDPOINT, Endpoint(PEER, "127.0.0.1")

    def ask(endpoint: Endpoint) -> set[str]:
        both.wait()
        outcomes = set()
        for _ in range(10):
            try:
                outcomes.add(str(agents.request(endpoint, "GET", "info").status))
            except ProviderError as e:
                outcomes.add(e.reason.code.value)
        return outcomes

    with start(Agent(answers=answers)), concurrent.futures.ThreadPoolExecutor(2) as pool:
        assert list(pool.map(ask, (right, wrong))) == [{"200"}, {"certificate"}]


def test_sessions_are_bounded(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(octavia_rest, "KEEP", 2)
    with start(Agent(answers={"GET /1.0/info": [Answer(200, INFO)]})) as agent:
        agents = Agents()
        # Three ways to write one address.
        mapped, again = "::ffff:127.0.0.1", "::ffff:7f00:1"
        for address in ("127.0.0.1", "127.0.0.1", mapped, again, "127.0.0.1"):
            assert agents.request(Endpoint(AMPHORA, address), "GET", "info").ok
        assert len(agent.connections) == 4


def client() -> AgentClient:
    pace = Pace(ready_interval=0.05, ready_timeout=(1.0, 1.0), plug_interval=0.05)
    return AgentClient(Agents(), Templates(), pace)


def test_ready_soon_after_the_agent_is_up(start: Start, octavia: Config) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    octavia.config(group="haproxy_amphora", bind_port=port)
    capabilities = Answer(200, {"extension": "0.1.0"})
    agent = Agent(
        port=port,
        answers={
            "GET /1.0/info": [Answer(200, INFO)],
            "GET /1.0/sriov-capabilities": [capabilities],
        },
    )
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client().wait_ready, ENDPOINT, 20)
        time.sleep(0.5)
        with start(agent):
            up = time.monotonic()
            assert waiting.result() == AgentInfo("1.0", "2.6.12-1", "0.1.0")
            assert time.monotonic() - up < 5


def test_plug_waits_for_the_device(start: Start) -> None:
    late = Answer(404, {"details": "No suitable network interface found"})
    path = f"POST /1.0/plug/vip/{VIP.vip_address}"
    with start(Agent(answers={path: [late, late, Answer()]})) as agent:
        client().plug_vip(ENDPOINT, VIP)
        assert agent.asked() == [path] * 3
        assert json.loads(agent.requests[-1][2]) == WIRE_VIP


def test_firewall(start: Start) -> None:
    refusal = {"message": "Invalid", "path": "members/0/port", "details": "not a port"}
    path = "/1.0/security-group"
    answers = {
        f"GET {path}": [Answer(200, {"digest": "", "counters": {}})],
        f"POST {path}": [Answer(400, refusal), Answer(200, {"digest": "d", "counters": {}})],
    }
    with start(Agent(answers=answers)):
        assert client().firewall(ENDPOINT) == FirewallState("")
        with pytest.raises(ProviderError, match=r"members/0/port.*not a port"):
            client().apply_firewall(ENDPOINT, {"version": 1})
        assert client().apply_firewall(ENDPOINT, {"version": 1}).digest == "d"


def test_image_without_extension(start: Start) -> None:
    with start(Agent(answers={"GET /1.0/info": [Answer(200, INFO)]})):
        assert client().wait_ready(ENDPOINT, 5).extension is None
        with pytest.raises(ProviderError) as caught:
            client().apply_firewall(ENDPOINT, {"version": 1})
        assert caught.value.reason.code is Code.EXTENSION_MISSING


def test_configure_over_the_wire(start: Start) -> None:
    serving_now = tls_scenarios.terminated_plain().serving
    lb = serving_now.load_balancer
    name = tls_scenarios.container("default").id + ".pem"
    certificate = f"/1.0/loadbalancer/{LB}/certificates/{name}"
    crt_list = f"/1.0/loadbalancer/{LB}/certificates/{lb.listeners[0].id}.pem"
    config = f"PUT /1.0/loadbalancer/{AMPHORA}/{LB}/haproxy"
    reload = f"PUT /1.0/loadbalancer/{LB}/reload"
    details = Answer(200, {"haproxy_version": "2.6.12-1\n", "listeners": []})
    accepted = [f"PUT {certificate}", f"PUT {crt_list}", config, reload]
    answers = {"GET /1.0/details": [details], **{a: [Answer()] for a in accepted}}
    with start(Agent(answers=answers)) as agent:
        client().configure(ENDPOINT, lb, "SINGLE", serving_now.amphorae, PEER_PORT)
        assert [a for a in agent.asked() if a.startswith("PUT")] == accepted
        sent = {f"{m} {p}": body for m, p, body in agent.requests}
        expected = Templates().haproxy(serving_now, AMPHORA, "2.6.12-1", {})
        assert sent[config].decode() == expected
        assert sent[f"PUT {certificate}"] == b"CERTIFICATE default\nKEY default\nCA default\n"
