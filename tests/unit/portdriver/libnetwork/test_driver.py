from __future__ import annotations

from pathlib import Path

import pytest

from sriov_provider.portdriver import wish
from sriov_provider.portdriver.libnetwork.driver import RemoteDriver
from tests.unit.portdriver.libnetwork.conftest import (
    ENDPOINT,
    ENGINE_NETWORK,
    MAC,
    NETWORK,
    PORT,
    Engine,
    port,
)

OTHER = "22222222-0000-4000-8000-000000000002"


def test_a_container_comes_and_goes(engine: Engine) -> None:
    assert engine.create_network() == {}
    assert engine.create_endpoint(neutron_port_uuid=PORT) == {
        "Interface": {
            "MacAddress": MAC,
            "Address": "192.0.2.10/24",
            "AddressIPv6": "2001:db8::10/64",
        }
    }
    assert engine.drivers.plugged == {ENDPOINT: PORT}
    assert engine.port()["device_id"] == ENDPOINT
    assert engine.port()["binding:host_id"] == "node-1"
    assert engine.endpoint_verb("EndpointOperInfo") == {"Value": {"status": "DOWN"}}
    assert engine.endpoint_verb("Join") == {
        "InterfaceName": {"SrcName": "if22222222", "DstPrefix": "eth"},
        "Gateway": "192.0.2.1",
        "GatewayIPv6": "",
        "StaticRoutes": [{"Destination": "203.0.113.0/24", "RouteType": 0, "NextHop": "192.0.2.9"}],
        "DisableGatewayService": True,
    }
    assert engine.endpoint_verb("Leave") == {}
    assert engine.endpoint_verb("DeleteEndpoint") == {}
    assert engine.drivers.plugged == {}
    assert (engine.port()["device_id"], engine.port()["binding:host_id"]) == ("", "")
    assert engine.verb("DeleteNetwork", NetworkID=ENGINE_NETWORK) == {}
    assert list(engine.state.endpoints()) == []


def test_what_is_gone_already_is_deleted(engine: Engine) -> None:
    engine.create_network()
    engine.create_endpoint(neutron_port_uuid=PORT)
    del engine.rest.objects[f"/ports/{PORT}"]
    assert engine.endpoint_verb("EndpointOperInfo") == {"Value": {}}
    for _again in range(2):
        assert engine.endpoint_verb("DeleteEndpoint") == {}
        assert engine.verb("DeleteNetwork", NetworkID=ENGINE_NETWORK) == {}
    assert engine.endpoint_verb("EndpointOperInfo") == {"Value": {}}


def test_an_endpoint_may_be_asked_for_again(engine: Engine) -> None:
    engine.create_network()
    first = engine.create_endpoint(neutron_port_uuid=PORT)
    assert engine.create_endpoint(neutron_port_uuid=PORT) == first


@pytest.mark.parametrize(
    "interface",
    [
        {"MacAddress": MAC.upper()},
        {"Address": "192.0.2.10/24"},
        {"AddressIPv6": "2001:db8::10/64"},
        {"MacAddress": MAC, "Address": "192.0.2.10/24", "AddressIPv6": "2001:db8::10/64"},
    ],
)
def test_a_port_is_found_by_its_addresses(engine: Engine, interface: dict[str, str]) -> None:
    engine.create_network()
    engine.rest.add("port", **port(OTHER, "fa:16:3e:00:00:02", "192.0.2.11", "2001:db8::11"))
    told = engine.create_endpoint(interface)
    assert engine.drivers.plugged == {ENDPOINT: PORT}
    # The engine takes an answer to what it has given itself for an error.
    given_ip = "Address" in interface or "AddressIPv6" in interface
    assert ("MacAddress" in told["Interface"]) == ("MacAddress" not in interface)
    assert ("Address" in told["Interface"]) == (not given_ip)


def test_the_addresses_have_to_be_one_ports(engine: Engine) -> None:
    engine.create_network()
    engine.rest.add("port", **port(OTHER, "fa:16:3e:00:00:02", "192.0.2.11", "2001:db8::11"))
    mixed = {"Address": "192.0.2.10/24", "AddressIPv6": "2001:db8::11/64"}
    assert "has 0 ports with 192.0.2.10 2001:db8::11" in engine.create_endpoint(mixed)["Err"]
    unknown = {"MacAddress": "fa:16:3e:00:00:09"}
    assert "has 0 ports with fa:16:3e:00:00:09" in engine.create_endpoint(unknown)["Err"]
    assert engine.drivers.plugged == {}


def test_a_vf_keeps_the_mac_address_it_has(engine: Engine) -> None:
    engine.create_network()
    engine.port()["binding:vnic_type"] = "direct"
    told = engine.create_endpoint(neutron_port_uuid=PORT)
    assert "MacAddress" not in told["Interface"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"network_id": "elsewhere"}, f"not of {NETWORK}"),
        ({"device_id": "a-server"}, "in use by a-server"),
        ({"binding:vnic_type": "direct-physical"}, "direct-physical is not supported"),
        ({"binding:vnic_type": "vdpa"}, "vdpa is not supported"),
    ],
)
def test_ports_that_are_refused(engine: Engine, change: dict[str, str], why: str) -> None:
    engine.create_network()
    engine.port().update(change)
    before = dict(engine.port())
    assert why in engine.create_endpoint(neutron_port_uuid=PORT)["Err"]
    assert (engine.port(), engine.drivers.plugged) == (before, {})


@pytest.mark.parametrize(
    "interface", [{"MacAddress": "fa:16:3e:00:00:09"}, {"Address": "192.0.2.99/24"}]
)
def test_a_named_port_has_to_have_what_is_asked_for(
    engine: Engine, interface: dict[str, str]
) -> None:
    engine.create_network()
    told = engine.create_endpoint(interface, neutron_port_uuid=PORT)
    assert "has other addresses" in told["Err"]


def test_objects_that_nobody_knows(engine: Engine) -> None:
    assert "no network nowhere" in engine.create_network("nowhere")["Err"]
    assert (
        f"network {ENGINE_NETWORK} is not known"
        in engine.create_endpoint(neutron_port_uuid=PORT)["Err"]
    )
    engine.create_network()
    assert "no port nowhere" in engine.create_endpoint(neutron_port_uuid="nowhere")["Err"]
    for name in ("Join", "Leave"):
        assert f"endpoint {ENDPOINT} is not known" in engine.endpoint_verb(name)["Err"]


def test_what_cannot_be_plugged_is_given_back(engine: Engine) -> None:
    engine.create_network()
    engine.drivers.fails = True
    assert "no free VF" in engine.create_endpoint(neutron_port_uuid=PORT)["Err"]
    assert (engine.port()["device_id"], engine.port()["binding:host_id"]) == ("", "")
    assert list(engine.state.endpoints()) == []


def test_nothing_is_changed_before_everything_is_known(engine: Engine) -> None:
    engine.create_network()
    before = dict(engine.port())
    for path in ("/subnets", "/networks"):
        engine.rest.silent = path
        assert "no answer" in engine.create_endpoint(neutron_port_uuid=PORT)["Err"]
        assert engine.port() == before and list(engine.state.endpoints()) == []
    engine.rest.silent = ""
    assert "Interface" in engine.create_endpoint(endpoint="f" * 64, neutron_port_uuid=PORT)


def test_what_cannot_be_undone_is_undone_before_the_next_one(engine: Engine) -> None:
    """The engine deletes no endpoint that it was refused."""
    engine.create_network()
    engine.drivers.fails = engine.drivers.stuck = True
    assert "no free VF" in engine.create_endpoint(neutron_port_uuid=PORT)["Err"]
    assert [endpoint.id for endpoint in engine.state.endpoints()] == [ENDPOINT]
    engine.drivers.fails = False
    other = "f" * 64
    told = engine.create_endpoint(endpoint=other, neutron_port_uuid=PORT)
    assert f"in use by {ENDPOINT}" in told["Err"]
    engine.drivers.stuck = False
    assert "Interface" in engine.create_endpoint(endpoint=other, neutron_port_uuid=PORT)
    assert [endpoint.id for endpoint in engine.state.endpoints()] == [other]
    assert engine.drivers.plugged == {other: PORT} and engine.port()["device_id"] == other


def test_a_port_that_is_not_all_given_back_is_nobody_elses(engine: Engine) -> None:
    engine.create_network()
    engine.drivers.fails = engine.drivers.stuck = True
    engine.create_endpoint(neutron_port_uuid=PORT)
    engine.port()["device_id"] = ""
    told = engine.create_endpoint(endpoint="f" * 64, neutron_port_uuid=PORT)
    assert f"is still in use by endpoint {ENDPOINT}" in told["Err"]


@pytest.mark.parametrize("death", [KeyError, SystemExit])
def test_whatever_ends_it_it_is_undone(engine: Engine, death: type[BaseException]) -> None:
    engine.create_network()
    engine.drivers.dies = death
    body = {"NetworkID": ENGINE_NETWORK, "EndpointID": ENDPOINT}
    options = {"Options": {"neutron.port.uuid": PORT}}
    engine.client.application.testing = True
    with pytest.raises(death):
        engine.client.post("/NetworkDriver.CreateEndpoint", json=body | options)
    assert engine.port()["device_id"] == "" and engine.drivers.plugged == {}
    assert list(engine.state.endpoints()) == []


def test_what_was_begun_before_a_restart_is_undone(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.create_network()
    engine.create_endpoint(endpoint="f" * 64, interface={"MacAddress": MAC})
    assert engine.verb("DeleteEndpoint", EndpointID="f" * 64) == {}
    engine.drivers.dies = SystemExit
    with monkeypatch.context() as killed:
        killed.setattr(RemoteDriver, "_undo", lambda *_: None)
        with pytest.raises(SystemExit):
            engine.create_endpoint(neutron_port_uuid=PORT)
    assert engine.port()["device_id"] == ENDPOINT and engine.drivers.plugged
    engine.rest.down = True
    engine.restart()
    assert engine.port()["device_id"] == ENDPOINT, "Neutron may come up later"
    engine.rest.down = False
    engine.restart()
    assert engine.port()["device_id"] == "" and engine.drivers.plugged == {}
    assert list(engine.state.endpoints()) == []


def test_an_endpoint_that_was_finished_outlives_a_restart(engine: Engine) -> None:
    engine.create_network()
    engine.create_endpoint(neutron_port_uuid=PORT)
    engine.restart()
    assert engine.drivers.plugged == {ENDPOINT: PORT} and engine.port()["device_id"] == ENDPOINT
    assert "InterfaceName" in engine.endpoint_verb("Join")


def test_a_port_that_is_somebody_elses_by_now_stays_theirs(engine: Engine) -> None:
    engine.create_network()
    engine.create_endpoint(neutron_port_uuid=PORT)
    engine.port().update({"device_id": "nova-server", "binding:host_id": "node-2"})
    assert engine.endpoint_verb("DeleteEndpoint") == {}
    assert engine.port()["device_id"] == "nova-server"
    assert engine.port()["binding:host_id"] == "node-2"
    assert engine.drivers.plugged == {} and list(engine.state.endpoints()) == []


@pytest.mark.parametrize("text", ["", "null", "[]", "{}", '{"id": "x"}'])
def test_a_damaged_endpoint_is_deleted(engine: Engine, tmp_path: Path, text: str) -> None:
    engine.create_network()
    engine.create_endpoint(neutron_port_uuid=PORT)
    (path,) = (tmp_path / "state").glob("endpoint-*")
    path.write_text(text)
    engine.restart()
    assert "is not known" in engine.endpoint_verb("Join")["Err"]
    assert engine.endpoint_verb("DeleteEndpoint") == {}
    assert engine.port()["device_id"] == "" and engine.drivers.plugged == {}
    assert not path.exists()


@pytest.mark.parametrize("of", ["port", "network"])
def test_the_rate_limit(engine: Engine, of: str) -> None:
    rule = {"type": "bandwidth_limit", "max_kbps": 20_000, "direction": "egress"}
    engine.rest.objects["/qos/policies/slow"] = {"id": "slow", "rules": [rule]}
    path = f"/ports/{PORT}" if of == "port" else f"/networks/{NETWORK}"
    engine.rest.objects[path]["qos_policy_id"] = "slow"
    engine.create_network()
    engine.create_endpoint(neutron_port_uuid=PORT)
    told = engine.drivers.told
    assert wish.wish(told, {"provider:network_type": "flat"}).rate == 20
    assert told["device_id"] == ENDPOINT
    assert engine.state.endpoint(ENDPOINT).port == told


def test_a_delete_that_neutron_does_not_hear_is_tried_again(engine: Engine) -> None:
    engine.create_network()
    engine.create_endpoint(neutron_port_uuid=PORT)
    engine.rest.down = True
    assert "no answer" in engine.endpoint_verb("DeleteEndpoint")["Err"]
    engine.rest.down = False
    assert engine.endpoint_verb("DeleteEndpoint") == {}
    assert engine.port()["device_id"] == ""
