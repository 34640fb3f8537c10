"""Our drivers are port drivers to kuryr-libnetwork's own eyes."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sriov_provider.portdriver.base import PortDriver
from sriov_provider.portdriver.osvif.driver import SwitchDriver
from sriov_provider.portdriver.sriov import SriovDriver
from sriov_provider.portdriver.standin import StandinDriver
from tests.unit.portdriver.stage import PORT, VLAN, Host

METHODS = (
    "create_host_iface",
    "delete_host_iface",
    "get_container_iface_name",
    "get_default_network_id",
    "get_supported_bindings",
    "update_port",
)


@pytest.fixture(scope="module")
def kuryr(tmp_path_factory: pytest.TempPathFactory) -> Any:
    command = ("-W", "ignore", "-m", "tests.unit.portdriver.kuryr_says")
    done = subprocess.run(
        [sys.executable, *command, str(tmp_path_factory.mktemp("kuryr"))],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_all_methods_are_known(kuryr: Any) -> None:
    assert sorted(kuryr["methods"]) == sorted(METHODS)


@pytest.mark.parametrize("ours", [SriovDriver, StandinDriver, SwitchDriver, PortDriver])
@pytest.mark.parametrize("name", METHODS)
def test_a_method_can_be_called_as_kuryr_calls_it(kuryr: Any, name: str, ours: type) -> None:
    mine = inspect.signature(getattr(ours, name)).parameters
    theirs = kuryr["methods"][name]
    assert list(mine) == [parameter for parameter, _, _ in theirs]
    for parameter, optional, default in theirs:
        assert not optional or mine[parameter].default == default, parameter


def test_kuryr_takes_them_for_port_drivers(kuryr: Any) -> None:
    assert kuryr["accepted"] == [True, True, True]


def test_the_bindings_are_kuryrs(kuryr: Any, one: Host) -> None:
    ours = [list(driver.get_supported_bindings()) for driver in (one.sriov, one.standin)]
    assert ours == kuryr["bindings"]
    assert one.sriov.get_default_network_id() is None


def test_a_life_as_kuryr_leads_it(one: Host) -> None:
    created = one.sriov.create_host_iface("endpoint", PORT, [{"id": "subnet"}], VLAN)
    assert created == ("0000:01:10.0", "")
    name = one.sriov.get_container_iface_name(PORT)
    assert one.links()[name].mac == "fa:16:3e:00:00:01"
    assert one.sriov.delete_host_iface("endpoint", PORT) == ("0000:01:10.0", "")
