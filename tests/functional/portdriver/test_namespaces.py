"""Real namespaces: by name, by process, hidden ones; and the kernel's own refusals."""

from __future__ import annotations

import contextlib
import errno
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sriov_provider.errors import Code, ProviderError
from sriov_provider.portdriver import entered
from sriov_provider.portdriver.card import VfChange
from sriov_provider.portdriver.kernel import Change, NamespaceGoneError, RefusedError
from sriov_provider.portdriver.kernel_card import KernelCard
from sriov_provider.portdriver.links import KernelLinks
from sriov_provider.portdriver.namespaces import move_in, move_out, outside_name
from tests.functional import netns
from tests.functional.netns import Namespace

pytestmark = pytest.mark.root
MAC = "fa:16:3e:00:00:01"


@pytest.fixture
def host() -> Iterator[Namespace]:
    with netns.namespace("host") as space:
        space.ip("link", "add", "dev0", "type", "veth", "peer", "dev1")
        yield space


@pytest.fixture
def room() -> Iterator[Namespace]:
    with netns.namespace("room") as space:
        yield space


@contextlib.contextmanager
def waiting(*command: str) -> Iterator[int]:
    """The id of a process that has done what it was started for."""
    made = subprocess.Popen(["unshare", *command], stdout=subprocess.PIPE)
    assert made.stdout is not None
    try:
        assert made.stdout.readline() == b"\n"
        yield made.pid
    finally:
        made.kill()
        made.wait()
        made.stdout.close()


@pytest.fixture
def process() -> Iterator[int]:
    with waiting("-n", "sh", "-c", "echo; exec sleep 600") as pid:
        yield pid


def enter(host: Namespace, namespace: str | int, device: str = "dev0") -> None:
    host.inside(lambda: move_in(device, namespace, "vip0", MAC, 1400))


def test_into_a_named_namespace_and_back(host: Namespace, room: Namespace) -> None:
    host.ip("link", "set", "dev0", "up")
    for _ in range(2):
        enter(host, room.name)
    shown = room.ip("link", "show", "vip0")
    assert MAC in shown
    assert "mtu 1400" in shown
    assert "state DOWN" in shown
    for _ in range(2):
        host.inside(lambda: move_out(room.name, MAC))
    assert "vip0" not in room.ip("link")
    assert MAC in host.ip("link", "show", outside_name(MAC))


def test_into_the_namespace_of_a_process(host: Namespace, process: int) -> None:
    enter(host, process)
    (link,) = [x for x in KernelLinks().all(process) if x.name == "vip0"]
    assert (link.mac, link.kind) == (MAC, "veth")
    host.inside(lambda: move_out(process, MAC))
    assert outside_name(MAC) in host.ip("link")


def test_a_name_that_is_taken_on_the_way_is_no_hindrance(host: Namespace, room: Namespace) -> None:
    room.ip("link", "add", "dev0", "type", "veth", "peer", "x")
    enter(host, room.name)
    assert MAC in room.ip("link", "show", "vip0")


def test_a_name_that_is_taken_inside_is_told_of(host: Namespace, room: Namespace) -> None:
    room.ip("link", "add", "vip0", "type", "veth", "peer", "x")
    with pytest.raises(RefusedError, match="as vip0") as caught:
        enter(host, room.name)
    assert caught.value.errno == errno.EEXIST
    assert "dev0" in host.ip("link")


@pytest.mark.parametrize("namespace", ["nowhere", "/proc/self/nowhere", 2**22 + 1])
def test_a_namespace_that_is_not_there(host: Namespace, namespace: str | int) -> None:
    with pytest.raises(ProviderError, match=f"{namespace} is gone") as caught:
        enter(host, namespace)
    assert caught.value.reason.code is Code.NOT_FOUND
    move_out(namespace, MAC)
    assert entered.identity(namespace) is None
    assert "dev0" in host.ip("link")


def test_a_file_that_is_no_namespace(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NamespaceGoneError):
        entered.inside(str(tmp_path / "file"), lambda: None)


def test_namespaces_are_told_apart(room: Namespace, process: int) -> None:
    assert entered.identity(room.name) == entered.identity(f"/run/netns/{room.name}")
    assert entered.identity(room.name) != entered.identity(process)


def test_all_namespaces_are_found_once(room: Namespace, process: int) -> None:
    found = [entered.identity(one) for one in entered.found()]
    assert found.count(entered.identity(room.name)) == 1
    assert found.count(entered.identity(process)) == 1
    assert entered.identity("/proc/self/ns/net") not in found
    assert None not in found


def test_a_namespace_only_some_processes_see_is_found(host: Namespace) -> None:
    script = "mount -t tmpfs tmpfs /run && ip netns add hidden && echo && exec sleep 600"
    with waiting("-m", "sh", "-c", script) as pid:
        path = f"/proc/{pid}/root/run/netns/hidden"
        assert entered.identity(path) in [entered.identity(one) for one in entered.found()]
        enter(host, path)
        assert "vip0" in [link.name for link in KernelLinks().all(path)]


LAID_OUT = """
mount -t tmpfs tmpfs /run && mkdir -p /run/netns && cd /run/netns
mkfifo fifo && ln -s {link} link && touch file && mkdir directory && mknod null c 1 3
echo && exec sleep 600
"""


def test_what_else_a_process_lays_out_is_not_opened(room: Namespace) -> None:
    """Nobody waits for it, and no link is followed to what only the host has."""
    script = LAID_OUT.format(link=f"/run/netns/{room.name}")
    with waiting("-m", "sh", "-c", script) as pid:
        inner = f"/proc/{pid}/root/run/netns"
        assert sorted(p.name for p in Path(inner).iterdir())[:2] == ["directory", "fifo"]
        assert not [one for one in entered.found() if str(one).startswith(inner)]
        for name in ("fifo", "link", "file", "directory", "null"):
            assert entered.identity(f"{inner}/{name}") is None
            with pytest.raises(NamespaceGoneError, match=f"{inner}/{name}"):
                entered.inside(f"{inner}/{name}", lambda: None)


CHROOT = "import os, signal, sys; os.chroot(sys.argv[1]); print(flush=True); signal.pause()"


@pytest.mark.parametrize("link", ["run", "run/netns"])
def test_a_link_of_a_process_is_not_followed_on_the_way(
    room: Namespace, tmp_path: Path, link: str
) -> None:
    """It leads to the host's own."""
    (tmp_path / link).parent.mkdir(exist_ok=True)
    (tmp_path / link).symlink_to(f"/{link}")
    with waiting("-m", sys.executable, "-c", CHROOT, str(tmp_path)) as pid:
        there = Path(f"/proc/{pid}/root/run/netns/{room.name}")
        assert there.exists()
        assert entered.identity(str(there)) is None


def test_a_link_to_a_process_that_its_caller_names_is_followed(
    process: int, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(f"/proc/{process}/ns/net")
    for named in (str(tmp_path / "link"), f"/proc/{process}/ns/net"):
        assert entered.identity(named) == entered.identity(process)
        assert entered.inside(named, lambda: entered.identity(None)) == entered.identity(process)


def test_another_kind_of_namespace(process: int) -> None:
    with pytest.raises(NamespaceGoneError):
        entered.inside(f"/proc/{process}/ns/mnt", lambda: None)


def test_a_failure_inside_comes_out(room: Namespace) -> None:
    with pytest.raises(ZeroDivisionError):
        entered.inside(room.name, lambda: 1 // 0)


def test_interfaces_as_they_are(host: Namespace) -> None:
    host.ip("addr", "add", "192.0.2.9/32", "dev", "dev0")
    host.inside(lambda: KernelLinks().add_bridge("br0", "physnet1 101"))
    links = {link.name: link for link in KernelLinks().all(host.name)}
    change = Change(master=links["br0"].index, up=True)
    host.inside(lambda: KernelLinks().change(links["dev0"].index, change))
    links = {link.name: link for link in KernelLinks().all(host.name, addresses=True)}
    assert KernelLinks().named("br0", host.name) == links["br0"]
    assert KernelLinks().named("br1", host.name) is None
    dev0, br0 = links["dev0"], links["br0"]
    assert (dev0.up, dev0.master, dev0.addresses) == (True, br0.index, ("192.0.2.9",))
    assert (br0.kind, br0.up, links["dev1"].master) == ("bridge", False, None)
    assert "alias physnet1 101" in host.ip("link", "show", "br0")


def test_interfaces_are_born_with_their_addresses(host: Namespace) -> None:
    # One that gets its address later gets another from udev's rules in between, or after.
    host.inside(lambda: KernelLinks().add_pair("end0", "inner0", MAC))
    host.inside(lambda: KernelLinks().add_bridge("br0", "physnet1 101", "02:00:00:00:00:09"))
    given = {link.name: link.mac for link in KernelLinks().all(host.name)}
    assert given["inner0"] == MAC
    assert given["end0"] == "fe" + MAC[2:]
    assert given["br0"] == "02:00:00:00:00:09"
    for name in ("inner0", "br0"):
        path = f"/sys/class/net/{name}/addr_assign_type"
        told = netns.run("ip", "netns", "exec", host.name, "cat", path)
        assert told.strip() == "3", "set by somebody"


def test_what_is_not_there_is_deleted_already(host: Namespace) -> None:
    for _ in range(2):
        host.inside(lambda: KernelLinks().delete("dev0"))
    assert "dev1" not in host.ip("link")


def test_refusals_have_the_kernels_number(host: Namespace) -> None:
    with pytest.raises(RefusedError, match="dev0, other cannot be made") as caught:
        host.inside(lambda: KernelLinks().add_pair("dev0", "other"))
    assert caught.value.errno == errno.EEXIST
    with pytest.raises(RefusedError) as caught:
        host.inside(lambda: KernelLinks().change(99, Change(up=True)))
    assert caught.value.errno == errno.ENODEV


@pytest.mark.parametrize(
    "change",
    [
        VfChange(mac=MAC),
        VfChange(vlan=(101, 0, 0x8100)),
        VfChange(vlan=(101, 0, 0x88A8)),
        VfChange(spoofchk=True),
        VfChange(trust=False),
        VfChange(rates=(0, 10)),
        VfChange(link_state=2),
    ],
)
def test_the_kernel_understands_what_is_said_of_vfs(host: Namespace, change: VfChange) -> None:
    # It finds the message well-formed, and then that the device has no VFs.
    with pytest.raises(RefusedError) as caught:
        host.inside(lambda: KernelCard().change("dev0", 0, change))
    assert caught.value.errno == errno.EOPNOTSUPP


def test_a_device_without_vfs_has_no_state(host: Namespace) -> None:
    with pytest.raises(RefusedError, match="VF 0 of dev0 cannot be read") as caught:
        host.inside(lambda: KernelCard().state("dev0", 0))
    assert caught.value.errno == errno.ENODEV


def test_a_namespace_that_ends_meanwhile(host: Namespace) -> None:
    with netns.namespace("short") as room:
        enter(host, room.name)
    deadline = time.monotonic() + 10
    while "dev1" in host.ip("link"):
        assert time.monotonic() < deadline, "the pair is still there"
        time.sleep(0.05)
    move_out(room.name, MAC)


def test_a_move_to_a_name_that_is_taken_moves_all_the_same(
    host: Namespace, room: Namespace
) -> None:
    # Not what one would expect: it is why the name is looked for before.
    room.ip("link", "add", "vip0", "type", "veth", "peer", "x")
    index = next(x.index for x in KernelLinks().all(host.name) if x.name == "dev0")
    with pytest.raises(RefusedError):
        host.inside(lambda: KernelLinks().move(index, "vip0", None, room.name))
    assert "dev0" in room.ip("link")
