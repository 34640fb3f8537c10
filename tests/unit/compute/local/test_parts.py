"""Records, files, control groups, routes: the parts of a node without a kernel's help."""

from __future__ import annotations

import dataclasses
import ipaddress
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sriov_provider import config, config_local
from sriov_provider.compute.local import cgroups, files, interfaces, processes
from sriov_provider.compute.local.guest import launch, python
from sriov_provider.compute.local.node import Wanted
from sriov_provider.compute.local.records import Amphora, Nic, Records
from sriov_provider.config_local import Limits
from sriov_provider.errors import Code, ProviderError

SUBNETS = (
    {
        "id": "s4",
        "cidr": "192.0.2.0/24",
        "gateway_ip": "192.0.2.1",
        "host_routes": [{"destination": "198.51.100.0/24", "nexthop": "192.0.2.2"}],
    },
    {"id": "s6", "cidr": "2001:db8::/64", "gateway_ip": None, "host_routes": []},
)
PORT = {
    "id": "p",
    "mac_address": "fa:16:3e:00:00:01",
    "fixed_ips": [
        {"subnet_id": "s4", "ip_address": "192.0.2.7"},
        {"subnet_id": "s6", "ip_address": "2001:db8::7"},
    ],
}
NIC = Nic(1, PORT, {"id": "n"}, SUBNETS)


def test_a_record_survives_its_file(tmp_path: Path) -> None:
    records = Records(tmp_path / "state")
    assert records.all() == () and records.get("a") is None
    amphora = Amphora("a" * 12, "amphora-1", "small", "image", "tag", "now", True, (NIC,))
    assert records.save(amphora) == amphora
    assert records.get(amphora.id) == amphora and records.all() == (amphora,)
    assert records.directory(amphora.id).stat().st_mode & 0o077 == 0
    assert amphora.namespace == "amphora-aaaaaaaa"
    (records.directory(amphora.id) / "files").mkdir()
    records.drop(amphora.id)
    records.drop(amphora.id)
    assert records.all() == ()


def test_interfaces_of_a_record() -> None:
    amphora = Amphora("a", "amphora-1").with_nic(NIC)
    assert NIC.addresses == tuple(map(ipaddress.ip_interface, ("192.0.2.7/24", "2001:db8::7/64")))
    assert (NIC.name, NIC.mac, amphora.next_number()) == ("eth1", "fa:16:3e:00:00:01", 2)
    changed = dataclasses.replace(NIC, driver="standin")
    assert amphora.with_nic(changed).nics == (changed,)
    assert amphora.nic("p") == NIC and amphora.nic("q") is None
    assert amphora.without_nic("p").nics == ()
    assert Amphora("a", "x").next_number() == 0


def test_one_at_a_time(tmp_path: Path) -> None:
    records, order = Records(tmp_path), []

    def second() -> None:
        with records.locked("a"):
            order.append("second")

    with records.locked("a"):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    records.forget_lock("a")
    assert not list(tmp_path.iterdir())


def test_a_lock_that_was_removed_keeps_nobody_apart(tmp_path: Path) -> None:
    """Who waited for it takes the one of those who come later."""
    records, inside, most = Records(tmp_path), [], []

    def work() -> None:
        with records.locked("a"):
            inside.append(1)
            time.sleep(0.05)
            most.append(len(inside))
            inside.pop()
            records.forget_lock("a")

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 5 and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", '"x"', "{}", "\x80", '{"id": "bad", "name": "x"}',
     '{"id": "bad", "name": "x", "nics": [null]}', '{"id": "bad", "name": "x", "nics": [{}]}',
     '{"id": "other", "name": "x", "nics": []}'],
)  # fmt: skip
def test_a_damaged_record_holds_up_no_other(tmp_path: Path, text: str) -> None:
    records = Records(tmp_path)
    good = records.save(Amphora("good", "amphora-1", nics=(NIC,)))
    records.save(Amphora("bad", "amphora-2"))
    path = tmp_path / "bad/amphora.json"
    path.write_bytes(text.encode("latin-1"))
    bad = records.get("bad")
    assert bad is not None and not bad.built and str(path) in bad.damage
    assert records.all() == (bad, good)


def test_what_a_later_release_has_added_is_not_in_the_way(tmp_path: Path) -> None:
    records = Records(tmp_path)
    saved = records.save(Amphora("a", "amphora-1", nics=(NIC,)))
    path = tmp_path / "a/amphora.json"
    told = json.loads(path.read_text())
    told["colour"] = told["nics"][0]["colour"] = "red"
    path.write_text(json.dumps(told))
    assert records.get("a") == saved


def test_what_is_wanted_is_read_once_and_late() -> None:
    reads: list[str] = []

    def read() -> frozenset[str]:
        reads.append("read")
        return frozenset({"p", "q"})

    wanted = Wanted(read)
    assert not reads
    assert "p" in wanted and "x" not in wanted
    assert set(wanted) == {"p", "q"} and len(wanted) == 2 and len(reads) == 1


def test_routes_are_those_of_a_host_on_the_subnets() -> None:
    assert interfaces.routes(SUBNETS) == (
        {"destination": "0.0.0.0/0", "nexthop": "192.0.2.1"},
        {"destination": "198.51.100.0/24", "nexthop": "192.0.2.2"},
    )
    six = {"id": "s", "cidr": "2001:db8::/64", "gateway_ip": "2001:db8::1"}
    assert interfaces.routes([six]) == ({"destination": "::/0", "nexthop": "2001:db8::1"},)


def test_what_an_amphora_puts_in_place_of_its_namespaces(tmp_path: Path) -> None:
    """Nothing comes back then, and nothing keeps the amphora from being deleted."""
    (tmp_path / "netns").write_text("")
    assert interfaces._names(tmp_path / "netns") == interfaces._names(tmp_path / "none") == []
    assert interfaces._names(tmp_path) == [str(tmp_path / "netns")]


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """An environment in which the agent seems to be installed."""
    place = tmp_path / "venv/bin"
    place.mkdir(parents=True)
    for name in ("sriov-amphora-agent", "sriov-amphora-firewall", "sriov-amphora-interface"):
        (place / name).touch()
    return place


def test_the_files_of_an_amphora(tmp_path: Path, commands: Path) -> None:
    place = tmp_path / "files"
    told = {"/etc/octavia/amphora-agent.conf": "conf", "/etc/octavia/certs/server.pem": "key"}
    for _ in range(2):
        files.lay_out(place, "amphora-1", told, commands)
    assert (place / "etc/octavia/amphora-agent.conf").read_text() == "conf"
    assert (place / "etc/octavia/certs/server.pem").stat().st_mode & 0o777 == 0o600
    assert (place / "etc/hostname").read_text() == "amphora-1\n"
    assert os.access(place / "bin/systemctl", os.X_OK)
    assert (place / "bin/sriov-amphora-agent").readlink() == commands / "sriov-amphora-agent"
    assert (place / "bin/amphora-interface").readlink() == commands / "sriov-amphora-interface"
    drop_ins = sorted(p.name for p in (place / "units/amphora-netns.service.d").iterdir())
    assert drop_ins == ["10-sriov-firewall.conf", "20-plugged.conf"]
    assert (place / "var/run").readlink() == Path("/run")


@pytest.mark.parametrize("path", ["/usr/bin/x", "/etc/../root/x", "relative"])
def test_files_have_their_place_below_etc(tmp_path: Path, commands: Path, path: str) -> None:
    with pytest.raises(ProviderError) as caught:
        files.lay_out(tmp_path / "files", "a", {path: ""}, commands)
    assert caught.value.reason.code is Code.CONFIGURATION


def test_commands_that_are_in_their_place_already(
    tmp_path: Path, commands: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link to them would lie over what it leads to."""
    files.lay_out(tmp_path / "a", "amphora-1", {}, commands)
    assert (tmp_path / "a/bin/sriov-amphora-agent").is_symlink()
    monkeypatch.setattr(files, "_USUAL", commands)
    files.refresh(tmp_path / "a", commands)
    assert not (tmp_path / "a/bin/sriov-amphora-agent").is_symlink()
    assert (tmp_path / "a/bin/amphora-interface").is_symlink(), "that is the stock one"
    assert (tmp_path / "a/bin/systemctl").exists()


def test_without_an_agent(tmp_path: Path) -> None:
    with pytest.raises(ProviderError, match="there is no sriov-amphora-agent"):
        files.lay_out(tmp_path / "files", "a", {}, tmp_path)
    with pytest.raises(ProviderError, match="there is no package no_such_package"):
        files.package("no_such_package")


def group(path: Path, controllers: str = "cpu memory pids") -> Path:
    """What the kernel shows of a control group."""
    path.mkdir(exist_ok=True)
    (path / "cgroup.controllers").write_text(controllers)
    (path / "cgroup.subtree_control").write_text("")
    (path / "cgroup.procs").write_text("")
    return path


def test_limits_of_a_flavor(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    base = group(group(tmp_path) / "sriov")
    made = group(base / "a")
    for name in ("memory.max", "cpu.max", "pids.max"):
        (made / name).write_text("max")
    groups = cgroups.Cgroups("sriov", tmp_path)
    assert groups.make("a", Limits(256, 0.5, 100)) == made / "cgroup.procs"
    assert (made / "memory.max").read_text() == str(256 << 20)
    assert (made / "cpu.max").read_text() == "50000 100000"
    assert (made / "pids.max").read_text() == "100"
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+pids"  # the last one written
    assert not caplog.text


def test_limits_that_cannot_be_are_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    group(group(tmp_path, "") / "sriov", "")
    groups = cgroups.Cgroups("sriov", tmp_path)
    for name in ("a", "b"):
        assert groups.make(name, Limits(256, 0.5, 100)) == tmp_path / f"sriov/{name}/cgroup.procs"
    assert caplog.text.count("has no memory.max, cpu.max, pids.max") == 1
    groups.remove("a")
    groups.remove("a")
    assert not (tmp_path / "sriov/a").exists()


def test_processes_of_the_service_itself_move_aside(tmp_path: Path) -> None:
    base = group(group(tmp_path) / "sriov")
    (base / "cgroup.procs").write_text("7\n8\n")
    cgroups.Cgroups("sriov", tmp_path).make("a", None)
    assert (base / "rest/cgroup.procs").read_text() == "8"


def test_a_host_without_cgroups(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    groups = cgroups.Cgroups("sriov", None)
    assert groups.make("a", None) is None
    groups.remove("a")
    assert "no cgroups of version 2" in caplog.text
    assert cgroups.Cgroups("no/such", tmp_path / "file").make("a", None) is None


def test_where_cgroups_are(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    real = group(tmp_path / "cgroup")
    mounts.write_text(
        "31 23 0:28 / /sys rw - sysfs sysfs rw\n"
        "40 31 0:37 / /covered rw - cgroup2 cgroup2 rw\n"
        f"41 31 0:38 / {real} rw - cgroup2 cgroup2 rw\n"
    )
    assert cgroups.hierarchy(mounts) == real
    mounts.write_text("31 23 0:28 / /sys rw - sysfs sysfs rw\n")
    assert cgroups.hierarchy(mounts) is None


def test_a_process_is_told_by_its_start(tmp_path: Path) -> None:
    ours = processes.Processes(tmp_path)
    assert ours.pid("a") is None and not ours.running("a")
    (tmp_path / "a").mkdir()
    record = tmp_path / "a/pid"
    record.write_text(f"{os.getpid()} {launch.started(os.getpid())}\n")
    assert ours.pid("a") == os.getpid() and ours.running("a")
    record.write_text(f"{os.getpid()} 1\n")
    assert ours.pid("a") is None, "another process has the number now"
    ours.stop("a")
    assert not (tmp_path / "a").exists()


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(("sleep", "60")) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("where", ["a", ".a"])
def test_a_process_ends_whoever_died_over_it(
    tmp_path: Path, sleeper: subprocess.Popen[bytes], where: str
) -> None:
    ours = processes.Processes(tmp_path)
    (tmp_path / where).mkdir()
    launch._record(tmp_path / where / "pid", sleeper.pid)
    ours.stop("a")
    ours.stop("a")
    assert sleeper.wait(5) == -signal.SIGKILL and not list(tmp_path.iterdir())


def test_a_launch_in_the_middle_of_a_stop_is_not_put_on_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sleeper: subprocess.Popen[bytes]
) -> None:
    """Its starter was killed; it has made everything and is about to begin."""
    ours, refused = processes.Processes(tmp_path), []
    (tmp_path / "a").mkdir()
    rmtree = shutil.rmtree

    def late(place: Path, **more: bool) -> None:
        if place.exists():
            with pytest.raises(FileNotFoundError):
                launch._record(tmp_path / "a/pid", sleeper.pid)
            refused.append(place)
        rmtree(place, **more)

    monkeypatch.setattr(shutil, "rmtree", late)
    ours.stop("a")
    assert len(refused) == 1 and not list(tmp_path.iterdir())


def test_processes_that_nobody_has_on_record_end_with_their_group(tmp_path: Path) -> None:
    base = group(group(tmp_path) / "sriov")
    made = base / "a"
    made.mkdir()
    # A file that is still there keeps the directory, as a process would.
    (made / "cgroup.kill").write_text("")
    with pytest.raises(OSError, match="not empty"):
        cgroups.Cgroups("sriov", tmp_path).remove("a")
    assert (made / "cgroup.kill").read_text() == "1"


def test_what_an_amphora_sees_of_the_host(tmp_path: Path) -> None:
    seen = processes.shared(tmp_path / "venv/bin")
    assert str(tmp_path / "venv") in seen
    assert any(python.HOME.is_relative_to(path) for path in seen)
    assert not any(path.startswith("/usr") or path == "/" for path in seen)


def test_a_launch_that_fails_says_why(tmp_path: Path) -> None:
    ours = processes.Processes(tmp_path)
    (tmp_path / "spec").write_text("no JSON")
    with pytest.raises(ProviderError) as caught:
        ours._launch("a", tmp_path / "spec")
    assert caught.value.reason.code is Code.BOOT_FAILED
    assert "JSONDecodeError" in caught.value.reason.operator


def test_settings(tmp_path: Path) -> None:
    path = tmp_path / "octavia.conf"
    path.write_text(
        "[local_compute]\nflavors = small:256:0.5:100,large:2048:4:400\nmanagement_port = port\n"
        "cgroup = /system.slice/x.service/\nagent_path = /venv/bin\nbind_ports = true\n"
    )
    found = config_local.local(config.parse([str(path)]))
    assert found.flavors == {"small": Limits(256, 0.5, 100), "large": Limits(2048, 4.0, 400)}
    assert (found.management_port, found.cgroup) == ("port", "system.slice/x.service")
    assert (found.agent_path, found.bind_ports) == (Path("/venv/bin"), True)
    assert found.host
    path.write_text("")
    plain = config_local.local(config.parse([str(path)]))
    assert plain == dataclasses.replace(config_local.Local(), host=plain.host)


@pytest.mark.parametrize("told", ["/", "", ".", "//", "./", "..", "a/../..", "/a/..", "../a"])
def test_control_groups_that_are_not_ours(tmp_path: Path, told: str) -> None:
    """All processes of the host would be moved into a group of ours."""
    path = tmp_path / "octavia.conf"
    path.write_text(f"[local_compute]\ncgroup = {told}\n")
    with pytest.raises(ProviderError) as caught:
        config_local.local(config.parse([str(path)]))
    assert caught.value.reason.code is Code.CONFIGURATION
    assert f"[local_compute] cgroup is {told!r}" in caught.value.reason.operator
