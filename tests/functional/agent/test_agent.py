"""The agent as a process: mutual TLS, stock calls and ours, and no gap when an interface comes."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from octavia.amphorae.backends.utils.interface import InterfaceController

from tests.functional import netns
from tests.functional.agent import box as boxes
from tests.functional.agent.conftest import BASE4, BASE6, MACS, SERVER4, VIP4, VIP6, document
from tests.functional.agent.packets import frame, tcp

pytestmark = pytest.mark.root

PLUG = {
    "subnet_cidr": "198.18.16.0/20",
    "gateway": "198.18.16.1",
    "mac_address": MACS["eth1"],
    "vrrp_ip": BASE4,
    "mtu": 1500,
    "host_routes": [],
    "additional_vips": [],
    "is_sriov": False,
}
# The stock agent asks for addresses of the family that has the interface's index for a number,
# which for most means all addresses there are.
_ANY_FAMILY = 77
V4_ONLY = [{"mac": MACS["eth1"], "filter": "amphora", "vips": [VIP4], "addresses": [BASE4]}]


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[boxes.Box]:
    """One amphora for the tests of this file, in their order: it starts without a document."""
    with boxes.running(tmp_path_factory.mktemp("box")) as box:
        yield box


def test_our_calls_and_the_stock_ones(box: boxes.Box) -> None:
    assert box.call("GET", "/") == (200, {"api_version": "1.0"})
    assert box.call("GET", "/1.0/info")[0] == 200
    status, capabilities = box.call("GET", "/1.0/sriov-capabilities")
    assert status == 200
    assert capabilities["security_group"] == 2
    assert capabilities["nftables"][0].isdigit()
    status, state = box.call("GET", "/1.0/security-group")
    assert (status, state["digest"]) == (200, "")
    assert "policy drop" in box.run("nft", "list", "chain", "inet", "amphora_sriov", "pre")
    assert box.call("POST", "/1.0/security-group", {"version": 2})[0] == 400


def test_an_interface_is_closed_from_its_first_moment(box: boxes.Box) -> None:
    observer = netns.Observer(box.nft)
    with netns.namespace("world") as world, flood(box, world):
        status, told = box.call("POST", f"/1.0/plug/vip/{VIP4}", PLUG)
        assert status == 202, told
        deadline = time.monotonic() + 30
        while (seen := observer.read())["arrived"] < 50:
            assert time.monotonic() < deadline, seen
    assert observer.read()["passed"] == 0


def test_an_interface_opens_when_it_is_plugged_after_its_document(box: boxes.Box) -> None:
    body = document(interfaces=V4_ONLY)
    status, state = box.call("POST", "/1.0/security-group", body)
    assert (status, state["interfaces"]) == (200, {MACS["eth1"]: None})
    observer = netns.Observer(box.nft)
    with netns.namespace("world") as world:
        join(box, world)
        status, told = box.call("POST", f"/1.0/plug/vip/{VIP4}", PLUG)
        assert status == 202, told
        assert box.call("GET", "/1.0/security-group")[1]["interfaces"] == {MACS["eth1"]: "eth1"}
        wire = netns.tap(world, "wire")
        for port, expected in ((80, True), (22, False), (443, False)):
            assert observer.passes(wire, frame("eth1", tcp(SERVER4, VIP4, 40000, port))) is expected


def test_an_interface_is_set_up_without_a_command_of_its_own(box: boxes.Box) -> None:
    """That of :file:`box.sh` fails."""
    with netns.namespace("world") as world:
        join(box, world)
        status, told = box.call("POST", f"/1.0/plug/vip/{VIP4}", PLUG)
        assert status == 202, told
        assert f"inet {BASE4}/20" in box.run("ip", "-4", "address", "show", "dev", "eth1", "up")
        assert f"from {VIP4} lookup 1" in box.run("ip", "rule")
        assert "default via 198.18.16.1 dev eth1" in box.run("ip", "route", "show", "table", "1")


def test_interfaces_go_down_and_up_by_command(box: boxes.Box) -> None:
    """As the stock unit brings them up after a boot; what is right stays as it is."""
    with netns.namespace("world") as world:
        join(box, world)
        assert box.call("POST", f"/1.0/plug/vip/{VIP4}", PLUG)[0] == 202
        plugged = state(box)
        assert (command(box, "up", "all"), state(box)) == ((0, ""), plugged)
        assert (command(box, "down", "eth1"), state(box)) == ((0, ""), ["", ""])
        assert (command(box, "up", "all"), state(box)) == ((0, ""), plugged)
        code, told = command(box, "up", "eth7")
        assert (code, told) == (2, "Error: Could not find interface 'eth7'.\n")


def test_an_amphora_stands_down(box: boxes.Box) -> None:
    """Who asks for the VIP gets no answer from it any more; it goes on answering its controller."""
    with netns.namespace("world") as world:
        join(box, world)
        assert box.call("POST", f"/1.0/plug/vip/{VIP4}", PLUG)[0] == 202
        world.ip("address", "add", "198.18.16.77/20", "dev", "wire")
        assert answers(world, VIP4)
        assert box.call("PUT", "/1.0/sriov-interfaces/down") == (200, {"down": ["eth1"]})
        assert not answers(world, VIP4)
        assert state(box)[0] == ""
        assert "UP" in box.run("ip", "-o", "link", "show", "lo")
        assert box.call("PUT", "/1.0/sriov-interfaces/down") == (200, {"down": ["eth1"]})
        assert box.call("GET", "/1.0/info")[0] == 200


def test_an_ipv4_interface_does_not_wait_for_addresses_of_ipv6(box: boxes.Box) -> None:
    """What the stock agent waits for ends with its patience: 30 s."""
    with netns.namespace("world") as world, tentative(box):
        join(box, world, index=_ANY_FAMILY)
        began = time.monotonic()
        status, told = box.call("POST", f"/1.0/plug/vip/{VIP4}", PLUG)
        assert status == 202, told
        assert time.monotonic() - began < InterfaceController.TENTATIVE_WAIT_TIMEOUT
        assert "tentative" in box.run("ip", "-6", "address", "show", "dev", "idle")


def test_an_ipv6_interface_is_up_when_its_addresses_are(box: boxes.Box) -> None:
    network = {"subnet_cidr": "2001:db8:1::/64", "gateway": "2001:db8:1::1", "vrrp_ip": BASE6}
    with netns.namespace("world") as world:
        join(box, world, index=_ANY_FAMILY)
        status, told = box.call("POST", f"/1.0/plug/vip/{VIP6}", PLUG | network)
        assert status == 202, told
        addresses = box.run("ip", "-6", "address", "show", "dev", "eth1")
        assert f"inet6 {BASE6}/64" in addresses
        assert "tentative" not in addresses


def test_an_interface_that_cannot_be_set_up_is_told(box: boxes.Box) -> None:
    with netns.namespace("world") as world:
        join(box, world)
        status, told = box.call("POST", f"/1.0/plug/vip/{VIP4}", PLUG | {"mtu": 67})
    assert (status, told["message"]) == (500, "Error plugging VIP")
    assert told["details"].startswith("Could not configure interface: eth1 does not go up: ")


def test_the_last_document_is_back_after_a_restart(tmp_path: Path) -> None:
    with boxes.running(tmp_path) as first:
        digest = first.call("POST", "/1.0/security-group", document())[1]["digest"]
    with boxes.running(tmp_path) as second:
        assert second.call("GET", "/1.0/security-group")[1]["digest"] == digest


def command(box: boxes.Box, *words: str) -> tuple[int, str]:
    """Exit code and output of ``sriov-amphora-interface``."""
    script = 'HOME=/run/home "$@" && echo 0 || echo $?'
    python = (sys.executable, "-W", "ignore", "-m", "amphora_agent_ext.interfaces")
    told = box.run("sh", "-c", script, "sh", *python, *words)
    output, _, code = told.rstrip().rpartition("\n")
    return int(code), f"{output}\n" if output else ""


def state(box: boxes.Box) -> list[str]:
    """Addresses and routes of the VIP's interface."""
    addresses = box.run("ip", "-4", "-o", "address", "show", "dev", "eth1", "up")
    return [addresses, box.run("ip", "route", "show", "table", "1")]


def answers(world: netns.Namespace, address: str) -> bool:
    """Whether somebody says that he has the address."""
    world.ip("neighbour", "flush", "dev", "wire")
    with world.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.sendto(b"", (address, 9))
    deadline = time.monotonic() + 5
    while "lladdr" not in (told := world.ip("neighbour", "show", address)):
        if "FAILED" in told or time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def join(box: boxes.Box, world: netns.Namespace, index: int = 0) -> None:
    """Hot-plug: an interface appears, down, in the amphora's own namespace."""
    numbered = ("index", str(index)) if index else ()
    box.space.ip(
        *("link", "add", "ens5", *numbered, "address", MACS["eth1"], "type", "veth"),
        *("peer", "wire", "netns", world.name),
    )
    world.ip("link", "set", "wire", "up")


@contextmanager
def tentative(box: boxes.Box) -> Iterator[None]:
    """An address beside the VIP's interface that stays tentative for as long as it is there."""
    box.run("ip", "link", "add", "idle", "type", "veth", "peer", "name", "peer")
    try:
        box.run("sysctl", "-q", "-w", "net.ipv6.conf.idle.dad_transmits=1000")
        box.run("ip", "link", "set", "peer", "up")
        box.run("ip", "link", "set", "idle", "up")
        box.run("ip", "address", "add", "2001:db8:f::1/64", "dev", "idle")
        yield
    finally:
        box.run("ip", "link", "del", "idle")


@contextmanager
def flood(box: boxes.Box, world: netns.Namespace) -> Iterator[None]:
    """Connection attempts without pause, from before the interface goes up."""
    join(box, world)
    wire, end = netns.tap(world, "wire"), threading.Event()
    syn = frame("eth1", tcp(SERVER4, VIP4, 40000, 80))

    def send() -> None:
        while not end.wait(0.001):
            try:
                wire.send(syn)
            except OSError:
                continue  # the other end is not up yet

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield
    finally:
        end.set()
        sender.join()
        wire.close()
