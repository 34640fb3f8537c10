"""The host's own port."""

from __future__ import annotations

from typing import Any

import pytest

from sriov_provider import cloud_errors
from sriov_provider.compute.local import interfaces
from sriov_provider.compute.local.leg import Leg
from sriov_provider.compute.local.records import Nic
from sriov_provider.config_local import Local
from sriov_provider.errors import Code, ProviderError
from tests.unit.compute.local.conftest import Stage


@pytest.fixture
def port_id(one: Stage) -> str:
    return one.neutron.port("n")


@pytest.fixture
def addresses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the interface was given."""
    seen: list[str] = []

    def configure(nic: Nic, where: int, name: str) -> None:
        assert (where, name) == (1, "o-mgmt0")
        assert not interfaces.routes(nic.subnets)
        seen.extend(str(address.ip) for address in nic.addresses)

    monkeypatch.setattr(interfaces, "configure", configure)
    return seen


def leg(one: Stage, port_id: str | None) -> Leg:
    settings = Local(state_path=one.records.directory("x").parent, management_port=port_id)
    return Leg(settings, one.node._ports, one.wires)  # type: ignore[arg-type]


def test_a_host_that_is_on_the_network_needs_none(one: Stage) -> None:
    leg(one, None).plug()
    assert one.wires.done == []


def test_it_comes_back_without_neutron(
    one: Stage, port_id: str, addresses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    one.neutron.subnets["n-4"]["gateway_ip"] = "192.0.2.1"
    leg(one, port_id).plug()
    assert one.wires.done == [f"plug {port_id}"] and one.wires.at[port_id].namespace == 1

    def silent(path: str, **_: Any) -> None:
        raise cloud_errors.timeout(f"{path}: no answer")

    monkeypatch.setattr(one.neutron, "get", silent)
    leg(one, port_id).plug()
    assert addresses == ["192.0.2.10"] * 2
    other = one.neutron.port("n")
    with pytest.raises(ProviderError, match="no answer") as caught:
        leg(one, other).plug()
    assert caught.value.retriable


def test_it_is_as_neutron_has_it(one: Stage, port_id: str, addresses: list[str]) -> None:
    leg(one, port_id).plug()
    one.neutron.ports[port_id]["status"] = "ACTIVE"
    leg(one, port_id).plug()
    assert one.wires.done == [f"plug {port_id}"] * 2
    one.wires.done.clear()
    one.neutron.ports[port_id]["fixed_ips"][0]["ip_address"] = "192.0.2.99"
    leg(one, port_id).plug()
    assert one.wires.done == [f"{verb} {port_id}" for verb in ("plug", "unplug", "plug")]
    leg(one, port_id).plug()
    assert addresses[-2:] == ["192.0.2.99"] * 2 and len(one.wires.done) == 4


@pytest.mark.parametrize(
    ("code", "passes"),
    [(Code.NO_VF, True), (Code.HOST_NETWORK, True), (Code.CONFIGURATION, False)],
)
def test_what_may_pass_is_tried_again(one: Stage, port_id: str, code: Code, passes: bool) -> None:
    one.wires.broken[port_id] = ProviderError(code, "", "refused")
    with pytest.raises(ProviderError, match="management_port: refused") as caught:
        leg(one, port_id).plug()
    assert (caught.value.reason.code, caught.value.retriable) == (code, passes)


def test_neutron_may_know_better_than_what_is_remembered(one: Stage, port_id: str) -> None:
    leg(one, port_id).plug()
    one.wires.broken[port_id] = ProviderError(Code.CONFIGURATION, "", "refused")
    with pytest.raises(ProviderError, match="refused"):
        leg(one, port_id).plug()
    plug = one.wires.plug

    def mended(port: Any, *more: Any) -> Any:
        if port["mac_address"] == "fa:16:3e:00:00:99":
            one.wires.broken.clear()
        return plug(port, *more)

    one.wires.plug = mended  # type: ignore[method-assign]
    one.neutron.ports[port_id]["mac_address"] = "fa:16:3e:00:00:99"
    leg(one, port_id).plug()
    assert one.wires.at[port_id].mac == "fa:16:3e:00:00:99"


def test_a_damaged_record_is_written_anew(one: Stage, port_id: str, addresses: list[str]) -> None:
    leg(one, port_id).plug()
    path = one.records.directory(".host") / "host/amphora.json"
    path.write_text("")
    leg(one, port_id).plug()
    assert path.read_text() and addresses == ["192.0.2.10"] * 2
