"""What Octavia's own firewall gets wrong, each beside ours; packets decide where they can.

Each test runs for both. For Octavia's rules it must fail, and only by what it is about: when a
release mends the defect, its test says so.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sriov_provider import tree
from tests.functional import netns
from tests.functional.agent import stock
from tests.functional.agent.conftest import (
    BASE4,
    BASE6,
    MEMBER4,
    MEMBER6,
    PEER4,
    PEER6,
    SERVER4,
    VIP4,
    VIP6,
    Amphora,
    Cabling,
)
from tests.functional.agent.packets import frame, tcp, vrrp
from tests.functional.agent.stock import Defect, Ours, Scene, Stock
from tests.functional.agent.tracking import tracked

pytestmark = pytest.mark.root

CLIENT4, CLIENT6 = "10.1.2.3", "2001:db8:a::7"
WEB = tree.Listener("web", "HTTP", 80)
TLS = tree.Listener("tls", "TERMINATED_HTTPS", 443)
MEMBER = tree.Member("m", "pool", SERVER4, 8080)
Writer = Stock | Ours


class WholeWay(netns.Observer):
    """Sees packets before all rules and behind all of them: the two writers use other hooks."""

    def __init__(self, space: netns.Namespace) -> None:
        self._nft, self._table = space.nft, ("table", "inet", "whole_way")
        rules = "ip id {mark} counter name {name};\nip6 flowlabel {mark} counter name {name}".format
        early, late = (rules(mark=netns.MARK, name=name) for name in ("arrived", "passed"))
        text = f"""table inet whole_way {{
          counter arrived {{ }}
          counter passed {{ }}
          chain early {{ type filter hook prerouting priority -310; {early}; }}
          chain late {{ type filter hook input priority 10; {late}; }}
        }}"""
        space.nft("-f", "-", stdin=text.replace(";\n", "\n").replace("; }", "\n}"))


@pytest.fixture(scope="module")
def way(cabling: Cabling) -> WholeWay:
    """The amphora with its addresses, so that what gets in is delivered."""
    space = cabling.space
    for interface in ("all", "eth1", "eth2"):
        space.sysctl(f"net.ipv4.conf.{interface}.rp_filter", "0")
    for interface, address in (
        *(("eth1", a) for a in (f"{VIP4}/20", f"{BASE4}/20", f"{VIP6}/64", f"{BASE6}/64")),
        *(("eth2", a) for a in (f"{MEMBER4}/20", f"{MEMBER6}/64")),
    ):
        nodad = ["nodad"] if ":" in address else []
        space.ip("addr", "add", address, "dev", interface, *nodad)
    space.ip("route", "add", "default", "via", "198.18.16.1")
    return WholeWay(space)


@pytest.fixture
def writer(
    request: pytest.FixtureRequest, amphora: Amphora, way: WholeWay, tmp_path: Path
) -> Iterator[Writer]:
    if request.param == "ours":
        yield Ours(amphora)
        return
    with pytest.MonkeyPatch.context() as patch:
        yield Stock(amphora, tmp_path, patch)
    table = f"inet {Stock.table}"
    amphora.space.nft("-f", "-", stdin=f"table {table} {{}}; delete table {table}\n")


def both(reason: str, raises: type[Exception] = Defect) -> pytest.MarkDecorator:
    """Runs a test for both; Octavia's must fail like this."""
    fails = pytest.mark.xfail(strict=True, reason=reason, raises=raises)
    return pytest.mark.parametrize(
        "writer", [pytest.param("stock", marks=fails), "ours"], indirect=True
    )


@pytest.fixture
def judge(amphora: Amphora, way: WholeWay) -> Any:
    """Calls a packet with another verdict than expected a defect."""

    def decide(packet: Any, expected: bool, interface: str = "eth1") -> None:
        passed = way.passes(amphora.cabling.wires[interface], frame(interface, packet))
        if passed is not expected:
            raise Defect(f"{'in' if passed else 'dropped'}: {packet.summary()}")

    return decide


@both("0: the load balancer is handed on without its VIP", TypeError)
def test_a_listener_can_be_made_at_all(writer: Writer, judge: Any) -> None:
    writer.apply(Scene((WEB,)), complete=False)
    judge(tcp(CLIENT4, VIP4, 40000, 80), True)


@both("1: an IPv4 match behind an IPv6 one, which nft refuses", stock.Refused)
def test_vrrp_of_an_ipv6_pair(writer: Writer, judge: Any) -> None:
    writer.apply(Scene((WEB,), pair=True, version=6))
    judge(vrrp(PEER6, BASE6), True)
    judge(vrrp(CLIENT6, BASE6), False)


@both("2: nft merges rules to a set and finds its elements in conflict", stock.Refused)
def test_networks_that_overlap(writer: Writer, judge: Any) -> None:
    cidrs = ("10.0.0.0/8", "10.1.0.0/16")
    writer.apply(Scene((tree.Listener("l", "TCP", 80, allowed_cidrs=cidrs),)))
    judge(tcp(CLIENT4, VIP4, 40000, 80), True)
    judge(tcp("192.0.2.7", VIP4, 40000, 80), False)


@both("3: no rules are taken for no change")
def test_the_last_listener_is_deleted(writer: Writer, judge: Any) -> None:
    writer.apply(Scene((WEB,)))
    assert_open(judge, 80)
    writer.apply(Scene())
    judge(tcp(CLIENT4, VIP4, 40000, 80), False)


@both("4: haproxy's peers are forgotten")
def test_stick_tables_come_from_the_peer(writer: Writer, judge: Any) -> None:
    writer.apply(Scene((WEB,), pair=True))
    assert_open(judge, 80)
    judge(tcp(PEER4, BASE4, 50000, 1025), True)
    judge(tcp(CLIENT4, BASE4, 50000, 1025), False)


@both("5: listeners that are being deleted stay in the rules")
def test_a_listener_is_being_deleted(writer: Writer, judge: Any) -> None:
    writer.apply(Scene((WEB, TLS), deleted=("tls",)))
    assert_open(judge, 80)
    judge(tcp(CLIENT4, VIP4, 40000, 443), False)


@both("6: replies get in by connection tracking alone")
def test_nothing_depends_on_connection_tracking(
    writer: Writer, judge: Any, amphora: Amphora
) -> None:
    writer.apply(Scene((WEB,), members=(MEMBER,)))
    before = tracked(amphora.space)
    assert_open(judge, 80)
    # The reply to a connection the kernel has not seen the start of, or had no room for.
    judge(tcp(SERVER4, VIP4, 8080, 50000, "A"), True)
    judge(tcp(SERVER4, VIP4, 8080, 50000, "S"), False)
    # Those of the other writer may end meanwhile.
    assert tracked(amphora.space) <= before


@both("6: every client's packet makes the kernel track its connection")
def test_no_connection_is_tracked(writer: Writer, judge: Any, amphora: Amphora) -> None:
    writer.apply(Scene((WEB,)))
    before = tracked(amphora.space)
    assert_open(judge, 80)
    if tracked(amphora.space) > before or re.search(r"\bct\b", amphora.ruleset()):
        raise Defect("connections are tracked")


@both("7: the first VF closes every interface, also one that Neutron filters")
def test_a_member_network_on_a_vf_and_a_vip_that_is_none(writer: Writer, judge: Any) -> None:
    writer.plug_member()
    with assert_holds():
        judge(tcp(CLIENT4, MEMBER4, 40000, 80), False, "eth2")
    judge(tcp(CLIENT4, VIP4, 40000, 80), True)


@both("8: an amphora that does not answer is left out, and nobody comes back to it")
def test_an_agent_that_could_not_be_reached(writer: Writer, judge: Any) -> None:
    writer.apply(Scene((WEB, TLS)))
    assert_open(judge, 443)
    writer.reachable = False
    writer.apply(Scene((WEB,)))
    writer.reachable = True
    writer.later(Scene((WEB,)))
    judge(tcp(CLIENT4, VIP4, 40000, 80), True)
    judge(tcp(CLIENT4, VIP4, 40000, 443), False)


@both("8: what the kernel holds is never compared with what was applied")
def test_rules_that_got_lost(writer: Writer, judge: Any, amphora: Amphora) -> None:
    writer.apply(Scene((WEB,)))
    with assert_holds():
        judge(tcp(CLIENT4, VIP4, 40000, 22), False)
    amphora.space.nft("delete", "table", "inet", writer.table)
    with assert_holds():
        judge(tcp(CLIENT4, VIP4, 40000, 22), True)
    writer.check()
    judge(tcp(CLIENT4, VIP4, 40000, 22), False)
    judge(tcp(CLIENT4, VIP4, 40000, 80), True)


@both("9: nothing is counted")
def test_a_refused_packet_is_counted(writer: Writer, judge: Any, amphora: Amphora) -> None:
    writer.apply(Scene((WEB,)))
    with assert_holds():
        judge(tcp(CLIENT4, VIP4, 40000, 22), False)
    told = amphora.space.nft("-j", "list", "table", "inet", writer.table)
    counted = [int(n) for n in re.findall(r'"packets": (\d+)', json.dumps(json.loads(told)))]
    if not any(counted):
        raise Defect("a packet was dropped and none is counted")


@both("9: the agent has no call to read the rules back")
def test_the_rules_in_force_can_be_asked_for(writer: Writer) -> None:
    writer.apply(Scene((WEB,)))
    if not writer.read():
        raise Defect("the agent does not tell")


@contextlib.contextmanager
def assert_holds() -> Iterator[None]:
    """Around what a test starts from: not to hold is a mistake of the test, no defect."""
    try:
        yield
    except Defect as error:
        pytest.fail(f"the scene is not what the test is about: {error}")


def assert_open(judge: Any, port: int) -> None:
    with assert_holds():
        judge(tcp(CLIENT4, VIP4, 40000, port), True)
