"""Unit files of amphorae, the stock agent's among them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import jinja2
import pytest

from sriov_provider.compute.local.guest import units
from sriov_provider.compute.local.guest.units import Command, Unit

TEMPLATES = "amphorae/backends/agent/api_server/templates"


def stock(name: str, **values: object) -> Unit:
    """A unit as the stock agent writes it."""
    found = importlib.util.find_spec("octavia")
    assert found and found.submodule_search_locations
    directory = Path(next(iter(found.submodule_search_locations))) / TEMPLATES
    loader = jinja2.FileSystemLoader(directory)
    text = jinja2.Environment(loader=loader, autoescape=True).get_template(name).render(values)
    return Unit(name, units.parse([text]))


def test_the_stock_unit_of_haproxy() -> None:
    unit = stock(
        "systemd.conf.j2",
        haproxy_cmd="/usr/sbin/haproxy",
        haproxy_cfg="/cfg",
        haproxy_user_group_cfg="/group",
        haproxy_pid="/pid",
        peer_name="peer",
        amphora_nsname="ns",
        amphora_netns="amphora-netns",
        haproxy_major_version=2,
        haproxy_minor_version=6,
    )
    assert unit.kind == units.NOTIFY and unit.restarts
    assert unit.requires == ("amphora-netns.service",)
    (start,) = unit.commands("ExecStart")
    assert start.words == (
        *("/sbin/ip", "netns", "exec", "ns", "/usr/sbin/haproxy", "-Ws", "-f", "/cfg"),
        *("-f", "/group", "-p", "/pid", "-L", "peer"),
    )
    assert unit.commands("ExecReload", 42)[1].words == ("/bin/kill", "-USR2", "42")


def test_the_stock_unit_of_keepalived() -> None:
    unit = stock(
        "keepalived.systemd.j2",
        amphora_nsname="ns",
        amphora_netns="amphora-netns",
        keepalived_cmd="/usr/sbin/keepalived",
        keepalived_cfg="/cfg",
        keepalived_pid="/run/keepalived.pid",
        administrative_log_facility=1,
    )
    assert (unit.kind, unit.pid_file) == (units.FORKING, Path("/run/keepalived.pid"))
    assert not unit.restarts


def test_the_stock_unit_of_the_namespace() -> None:
    unit = stock("amphora-netns.systemd.j2", amphora_nsname="ns")
    commands = unit.commands("ExecStart")
    assert unit.kind == units.ONESHOT and all(command.may_fail for command in commands)
    (mover,) = (c for c in commands if "join" in str(c))
    assert mover.words[:2] == ("/bin/sh", "-c")
    # What is a shell's stays a shell's.
    assert "awk '{print $3 \" \" $1}'" in mover.words[2]
    assert 'ip link set "$2" netns ns name "$3""' in mover.words[2]


def test_drop_ins_add_and_begin_anew(tmp_path: Path) -> None:
    low, high = tmp_path / "low", tmp_path / "high"
    for place in (low, high):
        (place / "a.service.d").mkdir(parents=True)
    (low / "a.service").write_text(
        "[Unit]\nRequires=b.service\n[Service]\nType=oneshot\n"
        'Environment="X=1 2" Y=3\nExecStart=-/bin/one $X\nExecStart=/bin/two ${Y} $Z\n'
    )
    (low / "a.service.d/10-more.conf").write_text("[Unit]\nRequires=c.service d.service\n")
    (high / "a.service.d/20-other.conf").write_text(
        "[Service]\nExecStart=\nExecStart=+/bin/three $X\n"
    )
    unit = units.load("a", (high, low))
    assert unit is not None and unit.name == "a.service"
    assert unit.requires == ("b.service", "c.service", "d.service")
    assert unit.commands("ExecStart") == (Command(("/bin/three", "1", "2")),)
    bare = units.load("a.service", (low,))
    assert bare is not None
    assert bare.commands("ExecStart") == (
        Command(("/bin/one", "1", "2"), may_fail=True),
        Command(("/bin/two", "3", "$Z")),
    )


def test_no_such_unit(tmp_path: Path) -> None:
    assert units.load("a", (tmp_path,)) is None


@pytest.mark.parametrize(
    ("name", "full"), [("a", "a.service"), ("a.service", "a.service"), ("a.target", "a.target")]
)
def test_names(name: str, full: str) -> None:
    assert units.full_name(name) == full


def test_what_starts_with_the_amphora(tmp_path: Path) -> None:
    for name in ("octavia-keepalived.service", "haproxy-1.service", "amphora-netns.service"):
        (tmp_path / name).symlink_to(f"/nowhere/{name}")
    order = ("amphora-netns.service", "haproxy-1.service", "octavia-keepalived.service")
    assert units.enabled(tmp_path) == order
    assert units.enabled(tmp_path / "missing") == ()
