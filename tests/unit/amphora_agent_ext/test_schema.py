"""What is a valid rule document, and what a refusal says."""

from __future__ import annotations

import copy
import ipaddress
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amphora_agent_ext import model, schema
from amphora_agent_ext.errors import DocumentError
from tests.unit.amphora_agent_ext.bodies import MAC, OTHER_MAC, body, interface, listener, member
from tests.unit.amphora_agent_ext.strategies import documents


@pytest.mark.parametrize(
    ("wrong", "path", "reason"),
    [
        (None, "", "object"),
        ([], "", "object"),
        ({}, "", "required"),
        (body(version=2), "version", "1"),
        (body(colour="red"), "", "colour"),
        (body(echo="yes"), "echo", "boolean"),
        (body(peer_port=0), "peer_port", "0"),
        (body(interfaces=[interface(mac="fa:16")]), "interfaces/0/mac", "match"),
        (body(interfaces=[interface(filter="none")]), "interfaces/0/filter", "one of"),
        (body(interfaces=[interface(vips=["198.18.16"])]), "interfaces/0/vips/0", "198.18.16"),
        (body(interfaces=[interface(), interface()]), "interfaces/1/mac", "twice"),
        (
            body(interfaces=[interface(addresses=["198.18.16.5"])]),
            "interfaces/0/addresses/0",
            "VIP",
        ),
        (body(listeners=[listener(port=65536)]), "listeners/0/port", "maximum"),
        (body(listeners=[listener(port=True)]), "listeners/0/port", "integer"),
        (body(listeners=[listener(protocol="icmp")]), "listeners/0/protocol", "one of"),
        (
            body(listeners=[listener(allowed_cidrs=["::/0", "10.0.0.0/33"])]),
            "listeners/0/allowed_cidrs/1",
            "10.0.0.0/33",
        ),
        (body(listeners=[listener(), listener(id="b")]), "listeners/1/port", "twice"),
        (body(listeners=[listener(), listener(port=81)]), "listeners/1/id", "twice"),
        (body(members=[member(address="example.org")]), "members/0/address", "example.org"),
        (body(members=[{"address": "192.0.2.1", "port": 1}]), "members/0", "protocol"),
        (body(ping=["127.0.0.1"]), "ping/0", "host"),
        (body(peers=["ff02::1"]), "peers/0", "host"),
        (body(peers=["0.0.0.0"]), "peers/0", "host"),
        (body(peers=["fe80::1%eth0"]), "peers/0", "host"),
        (
            body(listeners=[listener(allowed_cidrs=["fe80::%1/10"])]),
            "listeners/0/allowed_cidrs/0",
            "",
        ),
    ],
)
def test_a_refusal_has_a_path_and_a_reason(wrong: Any, path: str, reason: str) -> None:
    with pytest.raises(DocumentError) as caught:
        schema.parse(wrong)
    assert caught.value.path == path
    assert reason in caught.value.reason
    assert str(caught.value).startswith(path or "document")


def test_a_minimal_document() -> None:
    assert schema.parse({"version": 1, "interfaces": []}) == model.Document()


def test_a_whole_document() -> None:
    given = body(
        interfaces=[interface(mac=MAC.upper(), vips=["2001:DB8::5"], dhcp=True, slaac=True)],
        ping=["192.0.2.11"],
        peers=["198.18.16.10"],
        peer_port=1025,
        echo=True,
    )
    assert schema.parse(given) == model.Document(
        interfaces=(
            model.Interface(
                mac=MAC,
                filter=model.Filter.AMPHORA,
                vips=(ipaddress.ip_address("2001:db8::5"),),
                addresses=(ipaddress.ip_address("198.18.16.9"),),
                dhcp=True,
                slaac=True,
            ),
        ),
        listeners=(model.Listener("a", "tcp", 80),),
        members=(model.Member(ipaddress.ip_address("192.0.2.10"), "tcp", 8080),),
        ping=(ipaddress.ip_address("192.0.2.11"),),
        peers=(ipaddress.ip_address("198.18.16.10"),),
        peer_port=1025,
        echo=True,
    )


def test_one_port_of_two_protocols_is_two_listeners() -> None:
    document = schema.parse(body(listeners=[listener(), listener(id="b", protocol="udp")]))
    assert {(x.protocol, x.port) for x in document.listeners} == {("tcp", 80), ("udp", 80)}


def test_one_address_on_two_interfaces_is_allowed() -> None:
    """Two member networks may use the same addresses."""
    twin = interface(mac=OTHER_MAC, vips=[])
    assert len(schema.parse(body(interfaces=[interface(), twin])).interfaces) == 2


def test_ports_written_as_whole_floats_become_integers() -> None:
    document = schema.parse(body(listeners=[listener(port=80.0)], peer_port=1025.0))
    assert repr(document.listeners[0].port) == "80"
    assert repr(document.peer_port) == "1025"


def test_a_document_may_ask_for_a_log() -> None:
    assert schema.parse(body()).log == 0
    assert schema.parse(body(log=7.0)).log == 7


def mutilated(given_body: dict[str, Any], data: st.DataObject) -> Any:
    """The body with one value, somewhere in it, replaced or left out or added."""
    changed = copy.deepcopy(given_body)
    place: Any = changed
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from([*keys, "new"] if isinstance(place, dict) else keys))
        inner = place.get(key) if isinstance(place, dict) else place[key]
        if isinstance(inner, dict | list) and inner and data.draw(st.booleans()):
            place = inner
            continue
        if isinstance(place, dict) and data.draw(st.booleans()):
            place.pop(key, None)
        else:
            place[key] = data.draw(WRONG)
        return changed


WRONG = st.sampled_from(
    [None, True, 0, -1, 1, 1.0, 1.5, 65536, 1e400, "", "x", "x" * 65, [], {}, [1], ["tcp"], "tcp"]
)


@settings(max_examples=300)
@given(given_body=documents(), data=st.data())
def test_the_schema_refuses_nothing_that_is_taken(
    given_body: dict[str, Any], data: st.DataObject
) -> None:
    """And what it refuses is refused."""
    changed = mutilated(given_body, data)
    told = list(jsonschema.Draft202012Validator(schema.SCHEMA).iter_errors(changed))
    try:
        schema.parse(changed)
    except DocumentError as error:
        assert (
            told
            or "address" in error.reason
            or "there twice" in error.reason
            or "IPv" in str(error)
        )
    else:
        assert told == []
