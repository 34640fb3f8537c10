"""What Tempest does with a plugin: find it, register its options, load its tests."""

from __future__ import annotations

import configparser
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from oslo_config import cfg
from tempest.test_discover import plugins

from sriov_provider.tempest import config
from sriov_provider.tempest.plugin import SriovProviderTempestPlugin
from tests.unit.test_imports import MODULES, ROOT, imported

NAME = "sriov_provider"
SCENARIOS = sorted(Path(ROOT, "sriov_provider/tempest/tests/scenario").glob("test_*.py"))


def test_tempest_finds_the_plugin() -> None:
    found = {plugin.name: plugin.obj for plugin in plugins.TempestTestPluginManager().ext_plugins}
    assert isinstance(found[NAME], SriovProviderTempestPlugin)


def test_its_options_are_below_its_group() -> None:
    conf = cfg.ConfigOpts()
    SriovProviderTempestPlugin().register_opts(conf)
    conf([])
    assert set(conf.sriov_load_balancer) == {option.dest for option in config.OPTIONS}
    assert conf.sriov_load_balancer.flavor is None


def test_the_sample_configuration_explains_every_option() -> None:
    ((group, options),) = SriovProviderTempestPlugin().get_opt_lists()
    assert group == "sriov_load_balancer"
    assert options == config.OPTIONS
    assert all(option.help and option.help.endswith(".") for option in options)


def test_the_snippet_names_known_options() -> None:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "etc/tempest.conf.sriov-snippet")
    known = {option.dest for option in config.OPTIONS}
    assert set(parser["sriov_load_balancer"]) <= known
    wanted = {f"{kind}_subnet_ipv{ip}" for kind in ("vip", "member") for ip in (4, 6)}
    assert {"flavor", *wanted} <= set(parser["sriov_load_balancer"])


def test_the_guide_explains_every_scenario() -> None:
    page = (ROOT / "doc/source/tempest.rst").read_text()
    tests = [name for path in SCENARIOS for name in re.findall(r"def (test_\w+)", path.read_text())]
    assert sorted(re.findall(r"^``(test_\w+)``", page, re.M)) == sorted(tests)


def python(conf: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A fresh Python which reads this tempest.conf."""
    env = {**os.environ, "TEMPEST_CONFIG_DIR": str(conf.parent), "TEMPEST_CONFIG": conf.name}
    command = [sys.executable, "-W", "ignore", *words]
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    path = tmp_path / "tempest.conf"
    path.write_text(f"[DEFAULT]\nlog_dir = {tmp_path}\n")
    return path


def test_tempest_conf_is_read_and_the_client_registered(conf: Path) -> None:
    conf.write_text(
        conf.read_text() + "[identity]\nregion = here\n[load_balancer]\ncatalog_type = lb\n"
        "[sriov_load_balancer]\nflavor = SRIOV-public\nclient_addresses = 192.0.2.1,2001:db8::1\n"
    )
    code = """
from tempest import config
from tempest.lib.services import clients
print(config.CONF.sriov_load_balancer.flavor, config.CONF.sriov_load_balancer.client_addresses)
(ours,) = [c for c in clients.ClientsRegistry().get_service_clients()["sriov_provider"]]
print(ours["service"], ours["region"], ours["module_path"])
import importlib
print(*(hasattr(importlib.import_module(ours["module_path"]), n) for n in ours["client_names"]))
"""
    assert python(conf, "-c", code).stdout.splitlines() == [
        "SRIOV-public ['192.0.2.1', '2001:db8::1']",
        "lb here sriov_provider.tempest.services.member_client",
        "True",
    ]


def test_every_scenario_is_loaded_for_both_ip_versions(conf: Path) -> None:
    rows = json.loads(python(conf, "-m", "tests.unit.tempest.probe").stdout)
    modules = {f"sriov_provider.tempest.tests.scenario.{path.stem}" for path in SCENARIOS}
    assert {module for module, _, _ in rows} == modules
    tests = {ip: {(module, test) for module, test, v in rows if v == ip} for ip in (4, 6)}
    assert tests[4] == tests[6]
    assert len(rows) == 2 * len(tests[4]) >= 10


def test_its_assertions_about_traffic_can_fail(conf: Path) -> None:
    """What a test that cannot fail would be worth: see probe.py."""
    done = python(conf, "-m", "unittest", "tests.unit.tempest.probe")
    (ran,) = re.findall(r"^Ran (\d+) tests", done.stderr, re.M)
    assert int(ran) >= 12


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda p: p.name)
def test_every_test_has_an_identity_of_its_own(path: Path) -> None:
    text = path.read_text()
    marks = re.findall(r'@decorators\.idempotent_id\("([0-9a-f-]{36})"\)\n    def test_', text)
    assert len(marks) == text.count("    def test_") > 0
    everywhere = "".join(p.read_text() for p in SCENARIOS)
    assert all(everywhere.count(mark) == 1 for mark in marks)


def test_the_plugin_and_the_provider_do_not_import_each_other() -> None:
    inside = {path for path in MODULES if path.startswith("sriov_provider/tempest/")}
    for path in MODULES:
        names = {n for n in imported(Path(ROOT, path).read_text()) if n.startswith(NAME)}
        ours = {n for n in names if n.startswith("sriov_provider.tempest")}
        assert names == ours if path in inside else not ours, path
