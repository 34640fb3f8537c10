"""The element's install steps, and what comes of them, in an image made by debootstrap."""

from __future__ import annotations

import hashlib
import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.agent.conftest import DOCUMENT
from tests.functional.element import guest
from tests.functional.element.conftest import NFT, Built

# The first time the image is made, with hundreds of packages.
pytestmark = [pytest.mark.root, pytest.mark.timeout(1200)]

VENV = Path("opt/amphora-agent-venv")
UNITS = "usr/lib/systemd/system"
OURS = {
    "sriov-amphora-agent": "sriov-amphora-agent",
    "sriov-amphora-firewall": "sriov-amphora-firewall",
    "amphora-interface": "sriov-amphora-interface",
}


def test_commands_are_where_the_units_look(built: Built) -> None:
    for name, command in OURS.items():
        link = built.image.root / "usr/local/bin" / name
        assert link.readlink() == Path("/") / VENV / "bin" / command
        assert command in built.image.run(f"/usr/local/bin/{name}", "--help")


def test_the_stock_agent_is_what_it_was(built: Built) -> None:
    code = "from importlib.metadata import version; print(version('octavia'))"
    assert built.image.run(f"/{VENV}/bin/python", "-c", code) == built.octavia
    assert (built.image.root / "usr/local/bin/amphora-agent").readlink().name == "amphora-agent"
    unit = (built.image.root / UNITS / "amphora-agent.service").read_text()
    assert "ExecStart=/usr/local/bin/amphora-agent " in unit


def test_nftables_is_the_release_s_own(built: Built) -> None:
    assert f"v{NFT[built.image.release]} " in built.image.run("nft", "--version")
    system = "import nftables; print(nftables.__file__)"
    assert "/usr/lib/python3/" in built.image.run("/usr/bin/python3", "-c", system)


def test_nothing_of_the_build_is_left(built: Built) -> None:
    assert list((built.image.root / "tmp").iterdir()) == []
    assert not (built.image.root / "opt/octavia-sriov-provider").exists()


def test_units_are_enabled_and_systemd_takes_them(built: Built) -> None:
    write_netns_unit(built)
    enabled = built.image.run("systemctl", "is-enabled", "sriov-amphora-firewall", "amphora-agent")
    assert re.findall(r"^\S+abled$", enabled, re.M) == ["enabled", "enabled"], enabled
    units = ("sriov-amphora-firewall.service", "amphora-agent.service", "amphora-netns.service")
    stand_in(built, "certs-ramfs.service")
    told = built.image.run("systemd-analyze", "verify", "--man=no", *units)
    # The stock units have their PID files in a place that systemd calls legacy.
    complaints = [line for line in told.splitlines() if "PIDFile= references" not in line]
    assert not [line for line in complaints if any(unit in line for unit in units)], told


def test_the_firewall_comes_before_every_interface(built: Built) -> None:
    write_netns_unit(built)
    root = built.image.root
    later = guest.setting(root, "sriov-amphora-firewall.service", "Before")
    assert {"network-pre.target", "amphora-netns.service"} <= set(later)
    # What would bring up interfaces waits for that target.
    assert "network-pre.target" in guest.setting(root, "systemd-networkd.service", "After")
    # Earlier than basic.target, for which services wait by default.
    assert guest.setting(root, "sriov-amphora-firewall.service", "DefaultDependencies") == ["no"]


@pytest.mark.parametrize("unit", ["amphora-agent.service", "amphora-netns.service"])
def test_nothing_starts_without_the_firewall(built: Built, unit: str) -> None:
    write_netns_unit(built)
    for key in ("Requires", "After"):
        assert "sriov-amphora-firewall.service" in guest.setting(built.image.root, unit, key)


def test_keys_have_their_encrypted_file_system_still(built: Built) -> None:
    required = guest.setting(built.image.root, "amphora-agent.service", "Requires")
    assert "certs-ramfs.service" in required


def write_netns_unit(built: Built) -> None:
    """The stock agent's own code writes it, with the first load balancer."""
    code = (
        "from octavia.amphorae.backends.agent.api_server import util;"
        "util.install_netns_systemd_service()"
    )
    built.image.run(f"/{VENV}/bin/python", "-c", code)
    assert (built.image.root / UNITS / "amphora-netns.service").exists()


def stand_in(built: Built, name: str) -> None:
    """A unit of another element of Octavia."""
    (built.image.root / UNITS / name).write_text("[Service]\nType=oneshot\nExecStart=/bin/true\n")


def test_everything_is_dropped_until_there_is_a_document(built: Built) -> None:
    with guest.booted(built.image) as machine:
        machine.start("sriov-amphora-firewall.service")
        rules = machine.nft("list", "ruleset")
        assert re.search(r"\bdrop$", rules, re.M)
        assert not re.search(r"\bct\b", rules)
        told = json.loads(machine.run("sriov-amphora-firewall", "show", "--json"))
        assert (told["digest"], told["interfaces"]) == ("", {})


def test_the_last_document_comes_back_at_boot(built: Built) -> None:
    (built.image.root / "root/document.json").write_text(json.dumps(DOCUMENT))
    with guest.booted(built.image) as machine:
        machine.start("sriov-amphora-firewall.service")
        machine.run("sriov-amphora-firewall", "apply", "/root/document.json")
        before = lines(machine)
    with guest.booted(built.image) as machine:
        machine.start("sriov-amphora-firewall.service")
        told = json.loads(machine.run("sriov-amphora-firewall", "show", "--json"))
        assert lines(machine) == before
    assert re.fullmatch("[0-9a-f]{64}", told["digest"])
    (built.image.root / "var/lib/octavia/sriov-firewall.json").unlink()


def lines(machine: guest.Machine) -> list[str]:
    """The rules without counts; nft does not list sets in a fixed order."""
    return sorted(machine.nft("-s", "list", "ruleset").splitlines())


def test_the_same_again_changes_nothing(built: Built) -> None:
    before = files(built.image.root)
    built.build()
    after = files(built.image.root)
    assert len(before) > 5000
    assert {p for p in before.keys() | after.keys() if before.get(p) != after.get(p)} == set()


def files(root: Path) -> dict[str, tuple[int, str]]:
    """Mode and contents of what the image is made of."""
    return {str(p.relative_to(root)): described(p) for p in walk(root)}


def walk(root: Path) -> Iterator[Path]:
    for top in ("etc", "opt", "usr"):
        yield from (p for p in (root / top).rglob("*") if "__pycache__" not in p.parts)


def described(path: Path) -> tuple[int, str]:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return mode, str(path.readlink())
    return mode, hashlib.sha256(path.read_bytes()).hexdigest() if stat.S_ISREG(mode) else ""
