"""The settings of the guide, against the services themselves and those of this cloud."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from tests.demo.conf import control
from tests.demo.settings import PFS, PHYSNETS, ROOT
from tests.guide import pages

FDB = "neutron.conf.agent.l2_ext_fdb_population:fdb_population_opt@FDB"
FILES = {
    "nova.conf": ["nova.conf"],
    "ml2_conf.ini": ["neutron.ml2"],
    "sriov_agent.ini": ["neutron.ml2.sriov.agent", "neutron.ml2"],
    "openvswitch_agent.ini": ["neutron.ml2.ovs.agent", FDB],
    "octavia.conf": ["octavia", "sriov_provider"],
}
GROUPS = {
    "nova.conf": "libvirt",
    "ml2_conf.ini": "ml2",
    "sriov_agent.ini": "sriov_nic",
    "openvswitch_agent.ini": "FDB",
    "octavia.conf": "sriov_provider",
}
WRONG = "[no_such_group]\noption = 1\n"
SNIPPETS = [b for b in pages.all_blocks() if b.language == "ini"]


def problems(service: str, *files: Path) -> list[str]:
    """What the service's own options say about files."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.guide.options", *FILES[service], "--"]
    done = subprocess.run(
        [*command, *map(str, files)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return list(filter(None, done.stdout.splitlines()))


def values(service: str, name: str) -> list[str]:
    """Every value the guide gives an option."""
    lines = [line for b in SNIPPETS if b.caption.startswith(service) for line in b.text.split("\n")]
    return [line.partition(" = ")[2] for line in lines if line.startswith(f"{name} = ")]


def service_of(snippet: pages.Block) -> str:
    """The name of the file, with which the caption begins."""
    return snippet.caption.split()[0]


def test_snippets_say_which_file_they_are_of() -> None:
    assert {service_of(snippet) for snippet in SNIPPETS} | {"octavia.conf"} == set(FILES)


@pytest.mark.parametrize("service", FILES)
def test_options_exist(service: str, tmp_path: Path) -> None:
    """And have values of the right kind; in a file with wrong ones each is found."""
    files = [ROOT / "etc/octavia.conf.sriov-snippet"] if service == "octavia.conf" else []
    for snippet in SNIPPETS:
        if service_of(snippet) == service:
            file = tmp_path / f"{snippet.page.replace('/', '-')}:{snippet.line}"
            file.write_text(snippet.text + "\n")
            files.append(file)
    wrong = tmp_path / "wrong"
    wrong.write_text(f"{WRONG}[{GROUPS[service]}]\nno_such_option = 1\n")
    found = problems(service, *files, wrong)
    assert [line for line in found if not line.startswith(str(wrong))] == []
    assert len(found) == 2, found


def test_physical_networks_and_pfs_are_those_of_this_cloud() -> None:
    names = {pf.name: pf.physnet for pf in PFS}
    mappings = values("sriov_agent.ini", "physical_device_mappings")
    mappings += values("openvswitch_agent.ini", "shared_physical_device_mappings")
    assert len(mappings) == 2
    for physnet, pf in (pair.split(":") for value in mappings for pair in value.split(",")):
        assert names[pf] == physnet
    (ranges,) = values("ml2_conf.ini", "network_vlan_ranges")
    assert ranges.split(":")[0] in PHYSNETS


def test_devices_are_specified_as_on_this_cloud() -> None:
    specs = [json.loads(value) for value in values("nova.conf", "device_spec")]
    by_address = next(spec for spec in specs if isinstance(spec, list))
    assert all(spec in json.loads(control.device_spec()) for spec in by_address)
    by_name = [spec for spec in specs if isinstance(spec, dict)]
    assert {(s["devname"], s["physical_network"]) for s in by_name} == {
        (pf.name, pf.physnet) for pf in PFS if pf.physnet == "physnet1"
    }


def test_the_schedulers_filters_are_those_of_this_cloud_and_one_more() -> None:
    (filters,) = values("nova.conf", "enabled_filters")
    assert set(filters.split(",")) - set(control.FILTERS) <= {"AggregateInstanceExtraSpecsFilter"}
    code = "from nova.scheduler import filters; print(*(f.__name__ for f in filters.all_filters()))"
    known = subprocess.check_output([sys.executable, "-W", "ignore", "-c", code], text=True)
    assert set(filters.split(",")) <= set(known.split())


@pytest.mark.parametrize(
    ("group", "file", "option"),
    [
        ("neutron.ml2.mechanism_drivers", "ml2_conf.ini", "mechanism_drivers"),
        ("neutron.agent.l2.extensions", "openvswitch_agent.ini", "extensions"),
        ("neutron.agent.firewall_drivers", "sriov_agent.ini", "firewall_driver"),
    ],
)
def test_neutron_has_the_drivers(group: str, file: str, option: str) -> None:
    wanted = {name for value in values(file, option) for name in value.split(",")}
    assert wanted
    assert wanted <= {point.name for point in entry_points(group=group)}
