"""What the functional tests type is in the packages that are installed for them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests import machine

ROOT = Path(__file__).resolve().parents[1]
# Commands that not every Debian has, by their package.
OWNERS = {
    "curl": ("curl",),
    "debootstrap": ("debootstrap",),
    "haproxy": ("haproxy",),
    "iproute2": ("bridge", "ip", "ss", "tc"),
    "iputils-arping": ("arping",),
    "iputils-ping": ("ping",),
    "keepalived": ("keepalived",),
    "mariadb-server": ("mariadb", "mariadbd", "mariadb-install-db"),
    "nftables": ("nft",),
    "openssl": ("openssl",),
    "openvswitch-switch": ("ovs-vsctl", "ovsdb-server", "ovsdb-tool"),
    "procps": ("sysctl",),
    "socat": ("socat",),
    "tcpdump": ("tcpdump",),
    "util-linux": ("nsenter", "unshare"),
}


def typed(source: str) -> set[str]:
    """The packages of the commands that a source has as strings."""
    nodes = ast.walk(ast.parse(source))
    words = {n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    return {package for package, commands in OWNERS.items() if words & set(commands)}


@pytest.mark.parametrize("directory", ["functional", "packaging"])
def test_commands_of_the_tests_are_installed(directory: str) -> None:
    found = {path: typed(path.read_text()) for path in (ROOT / directory).rglob("*.py")}
    assert any(found.values())
    lacking = {str(p): left for p, names in found.items() if (left := names - {*machine.PACKAGES})}
    assert lacking == {}


def test_commands_are_seen() -> None:
    assert typed('run("ip", "netns", "exec", name, "ping", "-c1")') == {"iproute2", "iputils-ping"}
    assert typed('run("sleep", 1)') == set()
