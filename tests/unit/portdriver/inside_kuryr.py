"""Our drivers are port drivers to kuryr-libnetwork's own eyes."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
from kuryr_libnetwork.port_driver import driver as kuryr

from sriov_provider.portdriver.base import PortDriver
from sriov_provider.portdriver.driver import Driver
from sriov_provider.portdriver.osvif.driver import SwitchDriver
from sriov_provider.portdriver.sriov import SriovDriver
from sriov_provider.portdriver.standin import StandinDriver
from tests.unit.portdriver.stage import PORT, VLAN, Host, host

METHODS = [
    name
    for name, _ in inspect.getmembers(kuryr.Driver, inspect.isfunction)
    if not name.startswith("_")
]


def parameters(method: Any) -> list[inspect.Parameter]:
    return list(inspect.signature(method).parameters.values())


def test_the_methods_are_known() -> None:
    assert set(METHODS) == {
        "create_host_iface",
        "delete_host_iface",
        "get_container_iface_name",
        "get_default_network_id",
        "get_supported_bindings",
        "update_port",
    }


@pytest.mark.parametrize("ours", [SriovDriver, StandinDriver, SwitchDriver, PortDriver])
@pytest.mark.parametrize("name", METHODS)
def test_a_method_can_be_called_as_kuryr_calls_it(name: str, ours: type) -> None:
    theirs = parameters(getattr(kuryr.Driver, name))
    mine = parameters(getattr(ours, name))
    assert [p.name for p in mine] == [p.name for p in theirs]
    for expected, found in zip(theirs, mine, strict=True):
        optional = expected.default is not inspect.Parameter.empty
        assert not optional or found.default == expected.default, found.name


@pytest.mark.parametrize("ours", [SriovDriver, StandinDriver, SwitchDriver])
def test_kuryr_takes_it_for_a_port_driver(ours: type[Driver], tmp_path: Path) -> None:
    made = host(tmp_path)
    theirs: type[Any] = type("SriovDriver", (ours, kuryr.Driver), {})
    driver = theirs(made.settings, made.machine)
    kuryr._verify_port_driver_compliancy(driver, "sriov")
    assert issubclass(theirs, kuryr.Driver)


def test_the_bindings_are_kuryrs(one: Host) -> None:
    from kuryr_libnetwork.port_driver.drivers import sriov, veth

    assert one.sriov.get_supported_bindings() == sriov.SriovDriver.BINDING_DRIVERS
    assert one.standin.get_supported_bindings() == veth.VethDriver.BINDING_DRIVERS
    assert one.sriov.get_default_network_id() is None


def test_a_life_as_kuryr_leads_it(one: Host) -> None:
    created = one.sriov.create_host_iface("endpoint", PORT, [{"id": "subnet"}], VLAN)
    assert created == ("0000:01:10.0", "")
    name = one.sriov.get_container_iface_name(PORT)
    assert one.links()[name].mac == "fa:16:3e:00:00:01"
    assert one.sriov.delete_host_iface("endpoint", PORT) == ("0000:01:10.0", "")
