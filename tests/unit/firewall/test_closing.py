from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sriov_provider.firewall.document import closing, deny_all, document
from tests.unit.firewall import scenes

documents = st.builds(
    document,
    scenes.load_balancers,
    scenes.interfaces,
    scenes.peers,
    scenes.peer_ports,
    st.booleans(),
)


@settings(max_examples=300)
@given(documents, documents, st.lists(scenes.packets, min_size=20, max_size=20))
def test_it_lets_in_nothing_but_answers_that_one_of_the_two_refuses(
    old: dict[str, Any], new: dict[str, Any], packets: list[scenes.Packet]
) -> None:
    between = closing(old, new)
    wide = [_at_addresses_of_both(one, old, new) for one in (old, new)]
    for packet in packets:
        if scenes.lets_in(between, packet):
            both = all(scenes.lets_in(one, packet) for one in wide)
            answer = scenes.answers(old, packet) or scenes.answers(new, packet)
            assert both or answer or _comes_or_goes(packet.mac, old, new)


def _at_addresses_of_both(one: dict[str, Any], *both: dict[str, Any]) -> dict[str, Any]:
    """It, were the own addresses of its interfaces those of both: answers need them all, and what
    else a document lets in at one it lets in at each."""
    known: dict[str, set[str]] = {}
    for interface in (i for some in both for i in some["interfaces"]):
        known.setdefault(interface["mac"], set()).update(interface["addresses"])
    return one | {
        "interfaces": [i | {"addresses": sorted(known[i["mac"]])} for i in one["interfaces"]]
    }


def _comes_or_goes(mac: str, old: dict[str, Any], new: dict[str, Any]) -> bool:
    """A member interface of one of the two documents."""
    found = [i for document in (old, new) for i in document["interfaces"] if i["mac"] == mac]
    return len(found) == 1 and not found[0]["vips"]


@given(documents, documents)
def test_every_listener_that_stays_is_kept_open(old: dict[str, Any], new: dict[str, Any]) -> None:
    between = closing(old, new)
    kept = {(i["protocol"], i["port"]) for i in between["listeners"]}
    for listener in new["listeners"]:
        if listener in old["listeners"]:
            assert (listener["protocol"], listener["port"]) in kept
    assert all(m in between["members"] for m in new["members"] if m in old["members"])


@given(documents)
def test_nothing_changes_when_nothing_changes(some: dict[str, Any]) -> None:
    between = closing(some, some)
    ports = [(i["protocol"], i["port"]) for i in some["listeners"]]
    if len(set(ports)) == len(ports):
        assert between == some
    assert closing(between, between) == between


@given(documents)
def test_before_the_first_document_nothing_is_allowed(new: dict[str, Any]) -> None:
    assert closing(None, new) == closing({}, new) == closing(deny_all(), new)
    assert closing(None, new) == deny_all()


def test_answers_are_let_in_before_haproxy_asks_and_until_it_has_stopped() -> None:
    leaving = {"address": "192.0.2.1", "protocol": "tcp", "port": 80}
    coming = {"address": "192.0.2.2", "protocol": "tcp", "port": 80}
    one = _with_interface("amphora", mac="a", addresses=["192.0.2.9"])
    two = _with_interface("amphora", mac="b", addresses=["198.51.100.9"])
    old = one | {"members": [leaving], "ping": ["192.0.2.1"]}
    new = two | {"members": [coming], "ping": ["192.0.2.2"]}
    between = closing(old, new)
    assert between == closing(new, old)
    assert between["members"] == [leaving, coming]
    assert between["ping"] == ["192.0.2.1", "192.0.2.2"]
    assert between["interfaces"] == one["interfaces"] + two["interfaces"]


@pytest.mark.parametrize("protocol", ["vrrp", "echo-request"])
def test_peers_and_pings_of_both_at_an_own_address_of_one(protocol: str) -> None:
    """As when the VIP's port gets an address on one more subnet."""
    allowed = {"peers": ["192.0.2.7"], "echo": True}
    old, new = (
        _with_interface("amphora", vips=["192.0.2.5"], addresses=addresses) | allowed
        for addresses in (["192.0.2.9"], ["192.0.2.9", "198.51.100.9"])
    )
    packet = scenes.Packet("m", "192.0.2.7", "198.51.100.9", protocol)
    assert scenes.lets_in(closing(old, new), packet)
    assert not scenes.lets_in(closing(old | {"peers": [], "echo": False}, new), packet)
    assert not scenes.lets_in(closing(old, new | {"peers": [], "echo": False}), packet)


def test_an_interface_with_a_vip_needs_both() -> None:
    old = _with_interface("amphora", mac="a", addresses=["192.0.2.9"])
    new = _with_interface("amphora", mac="b", vips=["198.51.100.5"])
    assert closing(old, new)["interfaces"] == old["interfaces"]


def _with_interface(who: str, **values: Any) -> dict[str, Any]:
    interface = {"mac": "m", "filter": who, "vips": [], "addresses": [], "dhcp": False}
    return deny_all() | {"interfaces": [interface | {"slaac": False} | values]}


def test_neutron_and_amphora_meet_at_the_amphora() -> None:
    amphora = _with_interface("amphora", vips=["192.0.2.5"], dhcp=True)
    neutron = _with_interface("neutron")
    assert closing(neutron, amphora) == amphora
    assert closing(amphora, neutron) == amphora
    assert closing(neutron, neutron) == neutron
    assert closing(_with_interface("drop"), amphora)["interfaces"][0]["filter"] == "drop"


def test_narrowed_cidrs_close_first() -> None:
    def _doc(*allowed: str) -> dict[str, Any]:
        listener = {"id": "l", "protocol": "tcp", "port": 80, "allowed_cidrs": list(allowed)}
        return deny_all() | {"listeners": [listener]}

    narrow, wide = _doc("10.1.0.0/16"), _doc("10.0.0.0/8")
    assert closing(wide, narrow) == closing(narrow, wide) == narrow
    assert closing(_doc(), narrow) == narrow
    assert closing(_doc("192.0.2.0/24"), narrow)["listeners"] == []


def test_every_part_is_met() -> None:
    member = {"address": "192.0.2.1", "protocol": "tcp", "port": 80}
    old = deny_all() | {
        "members": [member, member | {"port": 81}],
        "ping": ["192.0.2.1", "192.0.2.2"],
        "peers": ["192.0.2.10", "192.0.2.11"],
        "peer_port": 1025,
        "echo": True,
    }
    new = deny_all() | {
        "members": [member | {"port": 82}, member],
        "ping": ["192.0.2.2", "192.0.2.3"],
        "peers": ["192.0.2.11", "192.0.2.12"],
        "peer_port": 1025,
        "echo": True,
    }
    assert closing(old, new) == deny_all() | {
        "members": [member],
        "ping": ["192.0.2.2"],
        "peers": ["192.0.2.11"],
        "peer_port": 1025,
        "echo": True,
    }
    assert closing(old, new | {"peer_port": 1026})["peer_port"] is None
    assert closing(old, new | {"peers": ["192.0.2.12"]})["peer_port"] is None
    assert closing(old, new | {"echo": False})["echo"] is False
    assert closing(old | {"echo": False}, new)["echo"] is False


@pytest.mark.parametrize("flag", ["dhcp", "slaac"])
def test_dhcp_and_slaac_need_both(flag: str) -> None:
    on, off = _with_interface("amphora", **{flag: True}), _with_interface("amphora")
    assert closing(on, on) == on
    assert closing(on, off) == closing(off, on) == off
