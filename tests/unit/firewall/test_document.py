from __future__ import annotations

import dataclasses
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sriov_provider import tree
from sriov_provider.firewall.document import (
    Interface,
    deny_all,
    document,
    peer_port,
)
from sriov_provider.vnic import Filter
from tests.unit.firewall import scenes

VIP = Interface("FA:16:3E:00:00:01", Filter.AMPHORA, ("192.0.2.5",), ("192.0.2.9",))


def _monitor(kind: str, **values: Any) -> tree.HealthMonitor:
    return tree.HealthMonitor("hm", kind, 5, 5, 3, 3, **values)


def _lb(**values: Any) -> tree.LoadBalancer:
    return tree.LoadBalancer("lb", "project", "192.0.2.5", "p", "s", "n", **values)


def _pool(protocol: str, monitor: tree.HealthMonitor | None, **values: Any) -> tree.LoadBalancer:
    member = tree.Member("m", "pool", "198.51.100.1", 8080, **values)
    pool = tree.Pool("pool", protocol, "ROUND_ROBIN", members=(member,), healthmonitor=monitor)
    return _lb(pools=(pool,))


def _replies(lb: tree.LoadBalancer) -> list[tuple[str, str, int]]:
    return [(m["address"], m["protocol"], m["port"]) for m in document(lb, [VIP])["members"]]


def test_a_whole_document() -> None:
    lb = _lb(
        listeners=(
            tree.Listener("dns", "UDP", 53),
            tree.Listener("web", "HTTP", 80, allowed_cidrs=("10.1.0.0/16", "10.0.0.0/8")),
            tree.Listener("off", "HTTP", 81, enabled=False),
        ),
        pools=_pool("HTTP", _monitor("PING")).pools,
    )
    neutron = Interface("fa:16:3e:00:00:02", Filter.NEUTRON, (), ("198.51.100.9",), dhcp=True)
    found = document(lb, [neutron, VIP], peers=["192.0.2.10"], peer_port=1025, echo=True)
    assert found == {
        "version": 1,
        "interfaces": [
            {
                "mac": "fa:16:3e:00:00:01",
                "filter": "amphora",
                "vips": ["192.0.2.5"],
                "addresses": ["192.0.2.9"],
                "dhcp": False,
                "slaac": False,
            },
            {
                "mac": "fa:16:3e:00:00:02",
                "filter": "neutron",
                "vips": [],
                "addresses": ["198.51.100.9"],
                "dhcp": True,
                "slaac": False,
            },
        ],
        "listeners": [
            {"id": "web", "protocol": "tcp", "port": 80, "allowed_cidrs": ["10.0.0.0/8"]},
            {"id": "dns", "protocol": "udp", "port": 53, "allowed_cidrs": []},
        ],
        "members": [{"address": "198.51.100.1", "protocol": "tcp", "port": 8080}],
        "ping": ["198.51.100.1"],
        "peers": ["192.0.2.10"],
        "peer_port": 1025,
        "echo": True,
    }


def test_undecided_interfaces_let_nothing_in() -> None:
    unknown = dataclasses.replace(VIP, filter=Filter.UNKNOWN)
    assert document(_lb(), [unknown])["interfaces"][0]["filter"] == "drop"


def test_a_disabled_load_balancer_is_closed() -> None:
    lb = dataclasses.replace(
        _pool("HTTP", _monitor("PING")), listeners=(tree.Listener("l", "TCP", 80),), enabled=False
    )
    found = document(lb, [VIP])
    assert (found["listeners"], found["members"], found["ping"]) == ([], [], [])


def test_replies_of_members_and_monitors() -> None:
    at = "198.51.100.1"
    assert _replies(_pool("HTTP", None)) == [(at, "tcp", 8080)]
    assert _replies(_pool("SCTP", None)) == [(at, "sctp", 8080)]
    assert _replies(_pool("UDP", _monitor("UDP-CONNECT"))) == [(at, "udp", 8080)]
    assert _replies(_pool("UDP", _monitor("HTTP"))) == [(at, "tcp", 8080), (at, "udp", 8080)]
    assert _replies(_pool("SCTP", _monitor("SCTP"))) == [(at, "sctp", 8080)]
    assert _replies(_pool("TCP", _monitor("TLS-HELLO"), monitor_port=9)) == [
        (at, "tcp", 9),
        (at, "tcp", 8080),
    ]
    assert _replies(_pool("TCP", _monitor("TCP"), monitor_address="198.51.100.2")) == [
        (at, "tcp", 8080),
        ("198.51.100.2", "tcp", 8080),
    ]
    assert _replies(_pool("TCP", _monitor("TCP", enabled=False), monitor_port=9)) == [
        (at, "tcp", 8080)
    ]
    # A disabled member gets no new connections; its open ones end in peace.
    assert _replies(_pool("TCP", None, enabled=False)) == [(at, "tcp", 8080)]


def test_pinged_members() -> None:
    lb = _pool("UDP", _monitor("PING"), monitor_address="2001:db8:0::2")
    found = document(lb, [VIP])
    assert found["ping"] == ["2001:db8::2"]
    assert found["members"] == [{"address": "198.51.100.1", "protocol": "udp", "port": 8080}]
    assert document(_pool("UDP", _monitor("PING", enabled=False)), [VIP])["ping"] == []


def test_the_same_port_on_two_protocols_is_two_entries() -> None:
    lb = _lb(listeners=(tree.Listener("a", "UDP", 53), tree.Listener("b", "TCP", 53)))
    assert [i["protocol"] for i in document(lb, [VIP])["listeners"]] == ["tcp", "udp"]


def test_without_peers_no_peer_port() -> None:
    assert document(_lb(), [VIP], peers=[], peer_port=1025)["peer_port"] is None


def test_nothing_at_all_is_deny_all() -> None:
    assert document(_lb(), []) == deny_all()


def test_peer_port_evades_tcp_listeners() -> None:
    assert peer_port(_lb()) == 1025
    taken = _lb(
        listeners=(
            tree.Listener("a", "TCP", 1025),
            tree.Listener("b", "HTTP", 1026, enabled=False),
            tree.Listener("c", "UDP", 1027),
        )
    )
    assert peer_port(taken) == 1027


@given(scenes.load_balancers, scenes.interfaces, scenes.peers, scenes.peer_ports, st.randoms())
def test_equal_situations_give_equal_documents(
    lb: tree.LoadBalancer,
    interfaces: list[Interface],
    peers: tuple[str, ...],
    port: int | None,
    random: Any,
) -> None:
    found = document(lb, interfaces, peers, port)
    assert json.loads(json.dumps(found)) == found
    listeners, pools = list(lb.listeners), list(lb.pools)
    random.shuffle(listeners)
    random.shuffle(pools)
    shuffled = dataclasses.replace(lb, listeners=tuple(listeners), pools=tuple(pools))
    assert document(shuffled, interfaces[::-1], peers[::-1], port) == found


@given(scenes.load_balancers, scenes.interfaces, scenes.packets)
def test_listener_packets(
    lb: tree.LoadBalancer, interfaces: list[Interface], packet: scenes.Packet
) -> None:
    """Whatever passes without a member or peer belongs to an enabled listener on a VIP."""
    bare = dataclasses.replace(lb, pools=())
    if packet.protocol in ("dhcp", "ra") or not scenes.lets_in(document(bare, interfaces), packet):
        return
    interface = next(i for i in interfaces if i.mac == packet.mac)
    assert interface.filter is not Filter.UNKNOWN
    if interface.filter is Filter.AMPHORA:
        assert lb.enabled
        assert packet.target in interface.vips
        assert any(i.enabled and i.port == packet.dport for i in lb.listeners)
