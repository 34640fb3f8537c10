"""The same calls to kuryr-libnetwork's own server and to ours: answers of the same structure."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest

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


def kuryr(engine: Engine, calls: Sequence[tuple[str, dict[str, Any]]]) -> Any:
    """What kuryr-libnetwork answers to these calls in a cloud like the engine's."""
    # It answers null where a subnet has no gateway, which is no text.
    engine.rest.objects["/subnets/s6"]["gateway_ip"] = "2001:db8::1"
    request = {
        "network": engine.rest.objects[f"/networks/{NETWORK}"],
        "subnets": [o for p, o in engine.rest.objects.items() if p.startswith("/subnets/")],
        "port": engine.port(),
        "calls": calls,
    }
    module = "tests.functional.portdriver.libnetwork.kuryr"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", module],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def structure(value: Any) -> Any:
    """Names and types."""
    if isinstance(value, dict):
        return {name: structure(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [structure(inner) for inner in value]
    return type(value).__name__


def test_the_same_calls(engine: Engine) -> None:
    theirs = kuryr(engine, CALLS)
    known = {path for path in theirs["paths"] if path.startswith(("/Plugin.", "/NetworkDriver."))}
    assert known == {path for path, _ in CALLS}, "a verb is not called here"
    for (path, body), (status, told) in zip(CALLS, theirs["answers"], strict=True):
        assert status == 200, (path, told)
        own = engine.post(path, body)
        if path in OTHERWISE:
            assert own == OTHERWISE[path] != told
        else:
            assert structure(own) == structure(told), path
        if path.endswith("Join"):
            names = {"InterfaceName": {"SrcName": "if22222222", "DstPrefix": "eth"}}
            assert own == told | names
            assert (own["Gateway"], own["GatewayIPv6"]) == ("192.0.2.1", "2001:db8::1")


@pytest.mark.parametrize("name", ["CreateEndpoint", "Join"])
def test_an_unknown_network_is_told_as_an_error(engine: Engine, name: str) -> None:
    body = IDS | {"Options": {}, "Interface": ADDRESS, "SandboxKey": SANDBOX}
    ((_status, told),) = kuryr(engine, [(f"/NetworkDriver.{name}", body)])["answers"]
    own = engine.verb(name, **body)
    assert set(told) == set(own) == {"Err"}
