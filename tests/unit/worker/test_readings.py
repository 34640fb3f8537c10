"""Ports that are read together."""

from __future__ import annotations

import pytest

from sriov_provider.errors import Code, ProviderError
from sriov_provider.worker.readings import Readings
from tests.fakes import errors
from tests.fakes.cloud import FakeCloud


@pytest.fixture
def cloud() -> FakeCloud:
    cloud = FakeCloud()
    cloud.add_subnet("sub", "net", "10.0.0.0/24", "10.0.0.1")
    for name in ("one", "two", "three"):
        cloud.add_port(name, "sub")
    cloud.log.clear()
    return cloud


def test_what_was_plugged_meanwhile_is_read_with_what_is_asked_for(cloud: FakeCloud) -> None:
    readings = Readings(cloud)
    for port in ("one", "two", "three"):
        readings.plugged(port)
    found = [readings.port(i) for i in ("two", "one", "three")]
    assert found == [cloud.port_rows[i] for i in ("two", "one", "three")]
    assert cloud.counts() == {"list_ports": 1}


def test_asked_again_it_is_read_again(cloud: FakeCloud) -> None:
    readings = Readings(cloud)
    readings.plugged("one")
    readings.plugged("two")
    readings.port("two")
    for _ in range(2):
        assert readings.port("one") == cloud.port_rows["one"]
    assert cloud.counts() == {"list_ports": 1, "port": 1}


def test_what_was_read_before_it_was_plugged_again_is_forgotten(cloud: FakeCloud) -> None:
    readings = Readings(cloud)
    readings.keep(cloud.port_rows["one"])
    readings.plugged("one")
    readings.port("one")
    assert cloud.counts() == {"port": 1}


def test_what_was_read_already_is_not_read_again(cloud: FakeCloud) -> None:
    readings = Readings(cloud)
    readings.keep(cloud.port_rows["one"])
    assert readings.port("one") == cloud.port_rows["one"]
    assert cloud.counts() == {}


def test_one_that_is_gone(cloud: FakeCloud) -> None:
    readings = Readings(cloud)
    readings.plugged("one")
    readings.plugged("two")
    cloud.delete_port("one")
    assert readings.port("two") is not None
    assert readings.port("one") is None
    readings.plugged("three")
    readings.plugged("two")
    cloud.delete_port("three")
    assert readings.port("three") is None


def test_what_cannot_be_read_together_is_read_by_itself(cloud: FakeCloud) -> None:
    readings = Readings(cloud)
    readings.plugged("one")
    readings.plugged("two")
    cloud.fail("list_ports", errors.server_error())
    assert readings.port("one") is not None
    assert readings.port("two") is not None
    cloud.fail("port", errors.server_error())
    with pytest.raises(ProviderError) as caught:
        readings.port("one")
    assert caught.value.reason.code is Code.CLOUD_ERROR
