"""The same calls to kuryr-libnetwork's own server and to ours: answers of the same structure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.functional.portdriver.libnetwork import kuryr
from tests.unit.portdriver.libnetwork import conftest as ours
from tests.unit.portdriver.libnetwork.conftest import ENDPOINT, ENGINE_NETWORK, NETWORK, Engine

engine = ours.engine
IDS = {"NetworkID": ENGINE_NETWORK, "EndpointID": ENDPOINT}
POOLS = {
    "IPv4Data": [
        {"AddressSpace": "local", "Pool": "192.0.2.0/24", "Gateway": "192.0.2.1/24"},
    ],
    "IPv6Data": [],
}
GENERIC = {"com.docker.network.generic": {"neutron.net.uuid": NETWORK}}
SANDBOX = "/var/run/docker/netns/12bbda391ed0"
ADDRESS = {"Address": "192.0.2.10/24", "AddressIPv6": "", "MacAddress": ""}
# In the order an engine calls them. kuryr-libnetwork finds ports by their addresses.
CALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/Plugin.Activate", {}),
    ("/NetworkDriver.GetCapabilities", {}),
    ("/NetworkDriver.DiscoverNew", {}),
    ("/NetworkDriver.DiscoverDelete", {}),
    ("/NetworkDriver.AllocateNetwork", {"NetworkID": ENGINE_NETWORK, "Options": {"a": "b"}}),
    ("/NetworkDriver.FreeNetwork", {"NetworkID": ENGINE_NETWORK}),
    ("/NetworkDriver.CreateNetwork", {"NetworkID": ENGINE_NETWORK, "Options": GENERIC, **POOLS}),
    ("/NetworkDriver.CreateEndpoint", IDS | {"Options": {}, "Interface": ADDRESS}),
    ("/NetworkDriver.EndpointOperInfo", IDS),
    ("/NetworkDriver.Join", IDS | {"SandboxKey": SANDBOX, "Options": {}}),
    ("/NetworkDriver.ProgramExternalConnectivity", IDS | {"Options": {}}),
    ("/NetworkDriver.RevokeExternalConnectivity", IDS | {"Options": {}}),
    ("/NetworkDriver.Leave", IDS),
    ("/NetworkDriver.DeleteEndpoint", IDS),
    ("/NetworkDriver.DeleteNetwork", {"NetworkID": ENGINE_NETWORK}),
)
# Where ours answers otherwise, on purpose.
OTHERWISE = {
    # it gives no addresses out
    "/Plugin.Activate": {"Implements": ["NetworkDriver"]},
    # other hosts are reached by Neutron's networks, which engines of 2017 and later can be told
    "/NetworkDriver.GetCapabilities": {"Scope": "local", "ConnectivityScope": "global"},
}


@pytest.fixture
def theirs(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    # kuryr-libnetwork answers null where a subnet has no gateway, which is no text.
    engine.rest.objects["/subnets/s6"]["gateway_ip"] = "2001:db8::1"
    subnets = [o for p, o in engine.rest.objects.items() if p.startswith("/subnets/")]
    network = engine.rest.objects[f"/networks/{NETWORK}"]
    client = kuryr.NeutronClient(network, subnets, engine.port())
    yield from kuryr.application(monkeypatch, client)


def structure(value: Any) -> Any:
    """Names and types."""
    if isinstance(value, dict):
        return {name: structure(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [structure(inner) for inner in value]
    return type(value).__name__


def test_the_same_calls(engine: Engine, theirs: FlaskClient) -> None:
    joined: tuple[Any, Any] = ({}, {})
    for path, body in CALLS:
        kuryrs = theirs.post(path, json=body)
        assert kuryrs.status_code == 200, (path, kuryrs.get_data(as_text=True))
        told, own = kuryrs.get_json(force=True), engine.post(path, body)
        if path in OTHERWISE:
            assert own == OTHERWISE[path] != told
        else:
            assert structure(own) == structure(told), path
        if path.endswith("Join"):
            joined = (own, told)
    own, told = joined
    names = {"InterfaceName": {"SrcName": "if22222222", "DstPrefix": "eth"}}
    assert own == told | names
    assert (own["Gateway"], own["GatewayIPv6"]) == ("192.0.2.1", "2001:db8::1")


def test_all_verbs_of_the_network_driver_are_called(theirs: FlaskClient) -> None:
    rules = theirs.application.url_map.iter_rules()
    known = {r.rule for r in rules if r.rule.startswith(("/Plugin.", "/NetworkDriver."))}
    assert known == {path for path, _ in CALLS}


@pytest.mark.parametrize("name", ["CreateEndpoint", "Join"])
def test_an_unknown_network_is_told_as_an_error(
    engine: Engine, theirs: FlaskClient, name: str
) -> None:
    body = IDS | {"Options": {}, "Interface": ADDRESS, "SandboxKey": SANDBOX}
    told = theirs.post(f"/NetworkDriver.{name}", json=body).get_json(force=True)
    own = engine.verb(name, **body)
    assert set(told) == set(own) == {"Err"}
