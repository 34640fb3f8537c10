"""What happens to amphorae on a node; each scene runs in namespaces of its own, as pid 1's child.

``python -m tests.functional.local.scenes NAME``; exit code 0 when everything held.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from sriov_provider import cloud_errors, vnic
from sriov_provider.network import ports
from tests.functional.local.stage import PUBLIC, Stage
from tests.functional.local.stage_lb import AMPHORA, Served, serve, wait

RUN = Path("/run/octavia-sriov/amphorae")
# A file system of its own below one that amphorae see.
_BELOW = "/usr/src"


def life() -> None:
    """Traffic, refusal, hot-unplug, delete; nothing is left."""
    _many_interfaces()
    subprocess.run(("mount", "-t", "tmpfs", "tmpfs", _BELOW), check=True)
    served = serve()
    stage, server = served.stage, served.server
    assert server.status == "ACTIVE" and stage.compute.find_server(server.name) == server
    assert wait("traffic", lambda: served.friend.get(served.url)) == "member"
    assert served.stranger.get(served.url) is None
    _is_apart(stage, server.id)

    port = stage.neutron.ports[served.vip_port]
    seen = ports.parse({**port, "status": "DOWN"})
    became = stage.compute.read_back(seen, "here")
    assert (became.state, became.filter) == (vnic.Binding.BOUND, vnic.Filter.AMPHORA)
    assert (port["device_id"], port["binding:host_id"]) == (server.id, "here")

    stage.compute.attach_port(server.id, served.member_port)  # twice is once
    stage.compute.detach_port(server.id, served.member_port)
    assert stage.neutron.ports[served.member_port]["device_id"] == ""
    assert served.friend.get(served.url) is None
    assert len(_links(_pid(stage, server.id))) == 1, "eth1 alone is left"

    management = [p for p in stage.neutron.ports.values() if "mgmt" in p["name"]]
    assert len(management) == 1
    stage.compute.delete_server(server.id)
    stage.compute.delete_server(server.id)
    assert stage.compute.get_server(server.id) is None
    assert management[0]["id"] not in stage.neutron.ports
    assert stage.neutron.ports[served.vip_port]["device_id"] == ""
    assert not list(stage.settings.state_path.glob("[!.]*"))
    assert not list(RUN.iterdir())
    assert _namespaces() == {"friend", "stranger", "member"}
    assert [p.port_id for p in stage.wires.plugged()] == [stage.settings.management_port]


def restart() -> None:
    """A worker that starts anew finds its amphorae at work and leaves them alone."""
    served = serve()
    stage, server = served.stage, served.server
    assert wait("traffic", lambda: served.friend.get(served.url)) == "member"
    pid = stage.compute._node.processes.pid(server.id)
    compute = stage.compute = stage.worker()
    for _ in range(2):
        compute.start()
    assert compute.get_server(server.id) == server
    assert compute._node.processes.pid(server.id) == pid
    assert served.friend.get(served.url) == "member"
    compute.detach_port(server.id, served.member_port)
    served.plug_member()
    served.configure()
    assert wait("traffic", lambda: served.friend.get(served.url)) == "member"

    _loses_a_port(served)
    os.kill(_pid(stage, server.id), signal.SIGKILL)
    wait("the end", lambda: compute.get_server(server.id).status == "ERROR")


def reboot() -> None:
    """All but the disk is lost; the rules come back before the interfaces."""
    served = serve()
    stage, server = served.stage, served.server
    assert wait("traffic", lambda: served.friend.get(served.url)) == "member"
    before = stage.firewall(served.endpoint).digest
    log = stage.settings.state_path / server.id / "files/var/log/units.log"
    log.write_text("")
    _lose_everything(served)
    assert served.friend.get(served.url) is None

    neutron, stage.neutron = stage.neutron, _Silent()
    stage.compute = stage.worker()
    stage.compute.start()
    stage.neutron = stage.compute._node._ports._neutron = neutron
    assert wait("traffic", lambda: served.friend.get(served.url), 60) == "member"
    assert served.stranger.get(served.url) is None
    stage.agents.wait_ready(served.endpoint, 60)
    assert stage.firewall(served.endpoint).digest == before
    told = log.read_text()
    order = [
        told.index(what)
        for what in (
            "sriov-amphora-firewall restore",
            "plugged-interfaces",
            "amphora-interface up all",
        )
    ]
    assert order == sorted(order), told
    served.configure()
    stage.compute.delete_server(server.id)
    assert _namespaces() == {"friend", "stranger", "member"}


def _loses_a_port(served: Served) -> None:
    """Somebody takes the VIP's interface away from a running amphora."""
    stage, pid = served.stage, _pid(served.stage, served.server.id)
    plugged = next(p for p in stage.wires.plugged() if p.port_id == served.vip_port)
    subprocess.run(("ip", "link", "del", plugged.device), check=True)
    port = ports.parse({**stage.neutron.ports[served.vip_port], "status": "DOWN"})
    assert stage.compute.read_back(port, "here").state is vnic.Binding.PENDING
    stage.compute.start()
    assert _pid(stage, served.server.id) != pid
    assert stage.compute.get_server(served.server.id) == served.server
    assert stage.compute.read_back(port, "here").state is vnic.Binding.BOUND
    assert wait("traffic", lambda: served.friend.get(served.url), 60) == "member"


class _Silent:
    """The network service while a host boots."""

    def __getattr__(self, name: str) -> None:
        raise cloud_errors.timeout("network: no answer")


def booted_with_ports() -> None:
    """Two at once, each with its VIP port from the start; one cannot be."""
    stage = Stage()
    stage.compute.start()
    other = AMPHORA.replace("1", "2")
    first, second = stage.neutron.port(PUBLIC), stage.neutron.port(PUBLIC)
    servers = [stage.boot(AMPHORA, first), stage.boot(other, second)]
    for server, port in zip(servers, (first, second), strict=True):
        assert stage.neutron.ports[port]["device_id"] == server.id
        assert json.loads(_ip(server.id, "-j", "link", "show", "eth1"))[0]["operstate"] == "DOWN"
        assert {i["ifname"] for i in json.loads(_ip(server.id, "-j", "link"))} >= {"eth0", "eth1"}
    try:
        stage.boot(AMPHORA.replace("1", "3"), first)
    except Exception as error:
        assert "belongs to device" in str(error)
    else:
        raise AssertionError("a port that is in use was taken")
    assert len(stage.compute._node.records.all()) == 2
    assert len(_namespaces()) == 2
    assert len([p for p in stage.neutron.ports.values() if "mgmt" in p["name"]]) == 2


def _many_interfaces() -> None:
    """New ones have large numbers from here on, which the stock agent cannot take."""
    added = "".join(f"link add x{n} type veth peer y{n}\n" for n in range(140))
    gone = "".join(f"link del x{n}\n" for n in range(140))
    subprocess.run(("ip", "-batch", "-"), input=added + gone, text=True, check=True)


def _is_apart(stage: Stage, server_id: str) -> None:
    """Files, processes and the kernel's knobs of the host are out of reach."""
    pid = stage.compute._node.processes.pid(server_id)
    agent = _agent(pid)
    capabilities = _status(agent, "CapEff")
    assert int(capabilities, 16) & (1 << 16 | 1 << 17 | 1 << 19 | 1 << 22 | 1 << 27) == 0
    inside = ("nsenter", "-t", str(pid), "-m", "-p", "-r", "-w")

    def works(script: str) -> bool:
        done = subprocess.run((*inside, "sh", "-c", script), capture_output=True, check=False)
        return done.returncode == 0

    assert works("test -e /etc/octavia/certs/server.pem")
    for wrong in (
        f"test -e {stage.settings.state_path}",
        "test -e /etc/shadow",
        f"test -e /proc/{os.getpid() + 100000}",
        "touch /usr/x",
        f"touch {_BELOW}/x",
        "echo 1 > /proc/sys/kernel/sysrq",
        "test -e /dev/kmsg",
    ):
        assert not works(wrong), wrong
    place = stage.settings.state_path
    for path in (place, place / server_id, place / server_id / "files/etc/octavia/certs"):
        if path.name != "certs":
            assert path.stat().st_mode & 0o077 == 0, path
    key = place / server_id / "files/etc/octavia/certs/server.pem"
    assert key.stat().st_mode & 0o777 == 0o600


def _agent(pid: int) -> int:
    """The first child of an amphora's first process."""
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def _status(pid: int, key: str) -> str:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith(f"{key}:"))


def _pid(stage: Stage, server_id: str) -> int:
    pid = stage.compute._node.processes.pid(server_id)
    assert pid is not None
    return pid


def _links(pid: int) -> list[str]:
    """Of the namespace that carries traffic, but loopback."""
    inner = ("nsenter", "-t", str(pid), "-m", "-n", "ip", "-n", "amphora-haproxy")
    told = subprocess.run((*inner, "-j", "link"), capture_output=True, text=True, check=True)
    return [i["ifname"] for i in json.loads(told.stdout) if i["ifname"] != "lo"]


def _ip(server_id: str, *words: str) -> str:
    command = ("ip", "-n", f"amphora-{server_id[:8]}", *words)
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _namespaces() -> set[str]:
    told = subprocess.run(("ip", "-j", "netns"), capture_output=True, text=True, check=True).stdout
    return {n["name"] for n in json.loads(told or "[]")}


def _lose_everything(served: Served) -> None:
    """What a reboot would: processes, namespaces, wires but those of clients and members, /run."""
    stage = served.stage
    os.kill(_pid(stage, served.server.id), signal.SIGKILL)
    wait("its end", lambda: not stage.compute._node.processes.running(served.server.id))
    for name in _namespaces() - {"friend", "stranger", "member"}:
        subprocess.run(("ip", "netns", "del", name), check=True)
    subprocess.run(("ip", "link", "del", stage.settings.management_interface), check=True)
    shutil.rmtree(RUN.parent)


def _scenes() -> Iterator[str]:
    yield from ("life", "restart", "reboot", "booted_with_ports")


def main(name: str) -> int:
    assert name in _scenes()
    try:
        globals()[name]()
    except BaseException:
        tell_logs()
        raise
    print("held", flush=True)
    return 0


def tell_logs() -> None:
    """What amphorae have said so far."""
    for path in Path("/tmp").glob("*/state/*/files/var/log/*.log"):
        if path.name in ("init.log", "units.log"):
            print(f"--- {path}", path.read_text()[-6000:], sep="\n", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
