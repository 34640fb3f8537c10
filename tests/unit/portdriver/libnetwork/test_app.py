from __future__ import annotations

from typing import Any

import pytest

from sriov_provider.portdriver.libnetwork.protocol import CONTENT_TYPE
from tests.unit.portdriver.libnetwork.conftest import ENDPOINT, ENGINE_NETWORK, PORT, Engine


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/Plugin.Activate", {"Implements": ["NetworkDriver"]}),
        (
            "/NetworkDriver.GetCapabilities",
            {"Scope": "local", "ConnectivityScope": "global"},
        ),
        ("/NetworkDriver.DiscoverNew", {}),
        ("/NetworkDriver.DiscoverDelete", {}),
        ("/NetworkDriver.FreeNetwork", {}),
        ("/NetworkDriver.ProgramExternalConnectivity", {}),
        ("/NetworkDriver.RevokeExternalConnectivity", {}),
    ],
)
def test_verbs_without_work(engine: Engine, path: str, answer: dict[str, Any]) -> None:
    assert engine.post(path) == answer


def test_swarm_gets_its_options_back(engine: Engine) -> None:
    assert engine.verb("AllocateNetwork", Options={"a": "b"}) == {"Options": {"a": "b"}}


def test_the_engine_sends_nothing_and_no_content_type(engine: Engine) -> None:
    answer = engine.client.post("/Plugin.Activate")
    assert (answer.status_code, answer.content_type) == (200, CONTENT_TYPE)


@pytest.mark.parametrize(
    ("path", "body", "status", "why"),
    [
        ("/NetworkDriver.Dance", b"{}", 404, "404: Not Found"),
        ("/NetworkDriver.Join", b"{", 400, "no JSON"),
        ("/NetworkDriver.Join", b"[]", 400, "no JSON object"),
        ("/NetworkDriver.Join", b"{}", 400, "EndpointID is missing"),
        ("/NetworkDriver.Join", b'{"EndpointID": 7}', 400, "EndpointID is missing"),
        ("/NetworkDriver.CreateNetwork", b'{"NetworkID": "n"}', 400, "neutron.net.uuid has to"),
        (
            "/NetworkDriver.CreateNetwork",
            b'{"NetworkID": "n", "Options": {"neutron.net.uuid": 7}}',
            400,
            "is no text",
        ),
        (
            "/NetworkDriver.CreateEndpoint",
            b'{"EndpointID": "e", "Interface": {"Address": "here"}}',
            400,
            "'here' does not appear to be",
        ),
        *(
            ("/NetworkDriver.CreateEndpoint", body, 400, why)
            for body, why in (
                (b'{"EndpointID": "e", "Interface": [1]}', "Interface is no object"),
                (b'{"EndpointID": "e", "Interface": {"MacAddress": 7}}', "MacAddress is no text"),
                (b'{"EndpointID": "e", "Interface": {"Address": 7}}', "Address is no text"),
            )
        ),
        *(
            ("/NetworkDriver.CreateNetwork", body, 400, why)
            for body, why in (
                (b'{"NetworkID": "n", "Options": "x"}', "Options is no object"),
                (
                    b'{"NetworkID": "n", "Options": {"com.docker.network.generic": [1]}}',
                    "com.docker.network.generic is no object",
                ),
            )
        ),
    ],
)
def test_what_is_no_protocol(engine: Engine, path: str, body: bytes, status: int, why: str) -> None:
    answer = engine.client.post(path, data=body)
    assert answer.status_code == status
    assert why in answer.get_json(force=True)["Err"]


def test_other_methods(engine: Engine) -> None:
    answer = engine.client.get("/Plugin.Activate")
    assert answer.status_code == 405
    assert answer.get_json(force=True) == {"Err": "405: Method Not Allowed"}


def test_an_endpoint_needs_a_port(engine: Engine) -> None:
    engine.create_network()
    body = {"NetworkID": ENGINE_NETWORK, "EndpointID": ENDPOINT, "Interface": None}
    answer = engine.client.post("/NetworkDriver.CreateEndpoint", json=body)
    assert answer.status_code == 400
    assert "tells the port" in answer.get_json(force=True)["Err"]


@pytest.mark.parametrize("name", ["../../etc/passwd", "a b", "x" * 200])
def test_ids_are_no_paths(engine: Engine, name: str) -> None:
    told = engine.verb("Join", EndpointID=name)
    assert "is no id of any endpoint" in told["Err"]


def test_options_of_endpoints_may_be_generic_too(engine: Engine) -> None:
    engine.create_network()
    body = {
        "NetworkID": ENGINE_NETWORK,
        "EndpointID": ENDPOINT,
        "Interface": {},
        "Options": {"com.docker.network.generic": {"neutron.port.uuid": PORT}},
    }
    assert "Interface" in engine.verb("CreateEndpoint", **body)
