"""What a node does with amphorae, ports and records; that a kernel does it too is shown by the
functional tests."""

from __future__ import annotations

import dataclasses

import pytest

from sriov_provider.compute.base import ServerSpec
from sriov_provider.errors import Code, ProviderError
from tests.unit.compute.local.conftest import Stage

GONE = ProviderError(Code.NO_VF, "", "no VF is free")
SPEC = ServerSpec("amphora-1", "small", "i", ("n",), files={"/etc/x": ""})


def test_an_amphora_that_has_lost_a_port_starts_again(
    one: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    port, other = one.neutron.port("n"), one.neutron.port("n")
    one.amphora("a", port, other)
    one.amphora("b", one.neutron.port("n"))
    del one.wires.at[port]
    assert one.node.in_place("a", port) is None
    one.node.restore()
    assert one.running.starts == ["a"], "the other one is left alone"
    assert set(one.wires.at) >= {port, other}
    nic = one.node.in_place("a", port)
    assert nic is not None and not nic.lost
    assert f"Amphora a has lost port {port}" in caplog.text
    one.node.restore()
    assert one.running.starts == ["a"]


def test_one_whose_port_cannot_be_had_again_goes_on_and_tells(
    one: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    port = one.neutron.port("n")
    one.amphora("a", port)
    del one.wires.at[port]
    one.wires.broken[port] = GONE
    for _ in range(2):
        one.node.restore()
        nic = one.nic("a", port)
        assert nic is not None and nic.lost
    assert one.running.running("a") and not one.running.starts
    assert "Amphora a is not brought back: no-vf: no VF is free" in caplog.text
    one.wires.broken.clear()
    one.node.restore()
    nic = one.node.in_place("a", port)
    assert one.running.starts == ["a"] and nic is not None and not nic.lost


def test_a_port_that_was_taken_away_is_attached_again(one: Stage) -> None:
    port = one.neutron.port("n")
    one.amphora("a", port)
    one.node.attach("a", port)
    assert one.wires.done == []
    del one.wires.at[port]
    one.wires.broken[port] = GONE
    with pytest.raises(ProviderError, match="no VF is free"):
        one.node.attach("a", port)
    nic = one.nic("a", port)
    assert nic is not None and nic.lost and one.neutron.ports[port]["device_id"] == "a"
    one.wires.broken.clear()
    one.node.attach("a", port)
    nic = one.node.in_place("a", port)
    assert nic is not None and not nic.lost


@pytest.mark.parametrize("stuck", [False, True])
def test_an_attach_that_fails_leaves_no_claim(one: Stage, stuck: bool) -> None:
    one.amphora("a")
    port = one.neutron.port("n")
    one.wires.broken[port] = GONE
    one.wires.stuck = {port} if stuck else set()
    with pytest.raises(ProviderError, match="no VF is free"):
        one.node.attach("a", port)
    assert one.wires.done == [f"plug {port}", f"unplug {port}"]
    assert one.nic("a", port) is None and one.neutron.ports[port]["device_id"] == ""


def test_whatever_one_amphora_meets_the_others_come_back(
    one: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = one.neutron.port("n"), one.neutron.port("n")
    one.amphora("a", bad)
    one.amphora("b", good)
    one.running.now.clear()
    one.wires.broken[bad] = IndexError("list index out of range")
    one.node.restore()
    assert one.running.starts == ["b"]
    assert "Amphora a is not brought back: list index" in caplog.text


def test_ports_of_a_damaged_record_are_wanted(one: Stage, caplog: pytest.LogCaptureFixture) -> None:
    port, good, stray = (one.neutron.port("n") for _ in range(3))
    one.amphora("a", port)
    one.amphora("b", good)
    one.wires.plug(one.neutron.ports[stray], (), {}, "amphora-c", "eth1")
    one.damage("a")
    one.node.restore()
    assert set(one.wires.at) == {port, good}
    assert "Amphora a is left alone: " in caplog.text
    with pytest.raises(ProviderError, match="record of amphora a cannot be read"):
        one.node.attach("a", stray)


def test_an_amphora_with_a_damaged_record_is_deleted(one: Stage) -> None:
    port, good = one.neutron.port("n"), one.neutron.port("n")
    one.amphora("a", port)
    one.amphora("b", good)
    one.damage("a")
    one.node.delete("a")
    assert set(one.wires.at) == {good} and one.neutron.ports[port]["device_id"] == ""
    assert one.back == [one.neutron.ports[port]["mac_address"]]
    assert one.records.get("a") is None and not one.running.running("a")
    one.node.delete("b")
    assert not list(one.records.directory("x").parent.iterdir())


def test_a_port_leaves_an_amphora_with_a_damaged_record(one: Stage) -> None:
    port, kept = one.neutron.port("n"), one.neutron.port("n")
    one.amphora("a", port, kept)
    one.damage("a")
    one.node.detach("a", port)
    assert set(one.wires.at) == {kept} and one.neutron.ports[port]["device_id"] == ""
    found = one.records.get("a")
    assert found is not None and found.damage


def test_nothing_is_left_of_one_that_was_not_made(
    one: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise GONE

    monkeypatch.setattr("sriov_provider.compute.local.files.lay_out", refuse)
    with pytest.raises(ProviderError, match="no VF is free"):
        one.node.create(SPEC, "i")
    assert not list(one.records.directory("x").parent.iterdir())


def test_only_root_can(one: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(ProviderError, match="run as root") as caught:
        one.node.restore()
    assert caught.value.reason.code is Code.CONFIGURATION and not caught.value.retriable


def test_what_is_attached_meanwhile_is_no_loss(one: Stage) -> None:
    port = one.neutron.port("n")
    one.amphora("a", port)
    one.wires.late.add(port)
    one.node.restore()
    assert one.node.in_place("a", port) and not one.running.starts


def test_an_unfinished_attach_is_no_loss(one: Stage) -> None:
    port = one.neutron.port("n")
    found = one.amphora("a", port)
    nic = found.nic(port)
    assert nic is not None
    one.records.save(found.with_nic(dataclasses.replace(nic, driver="", device="")))
    one.wires.at.clear()
    one.node.restore()
    nic = one.nic("a", port)
    assert nic is not None and not nic.lost and not one.running.starts
