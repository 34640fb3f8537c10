from __future__ import annotations

import stat
from pathlib import Path

import pytest

from sriov_provider.errors import Code, ProviderError
from sriov_provider.portdriver.osvif import control, objects
from tests.fakes.bound_ports import CASES, NETWORK, PCI, PORT_ID, SUBNETS

BY_NAME = {case.name: case for case in CASES}


def script(directory: Path, text: str) -> str:
    path = directory / "control"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_the_order_of_options() -> None:
    vif = objects.to_osvif(BY_NAME["vrouter-forwarder"].port(), NETWORK, SUBNETS, PCI)
    line = control.add(vif, objects.instance(PORT_ID, "amphora-1"), control.NAMESPACE_PORT)
    assert [option.partition("=")[0] for option in line] == [
        "--oper",
        "--uuid",
        "--instance_uuid",
        "--vn_uuid",
        "--vm_project_uuid",
        "--ip_address",
        "--ipv6_address",
        "--vm_name",
        "--mac",
        "--tap_name",
        "--port_type",
        "--vif_type",
        "--vnic_type",
        "--pci_dev",
        "--vhostuser_socket",
        "--vhostuser_mode",
        "--tx_vlan_id",
        "--rx_vlan_id",
    ]


@pytest.mark.parametrize("name", ["an amphora --oper=delete", 'a"quote', "two\nlines"])
def test_what_the_command_would_take_apart_is_refused(name: str) -> None:
    vif = objects.to_osvif(BY_NAME["vrouter"].port(), NETWORK, SUBNETS, None)
    with pytest.raises(ProviderError, match="cannot be given --vm_name") as caught:
        control.add(vif, objects.instance(PORT_ID, name), control.NAMESPACE_PORT)
    assert caught.value.reason.code is Code.UNSUPPORTED


def test_which_ports_are_offloaded() -> None:
    offloaded = {
        case.name
        for case in CASES
        if (vif := objects.to_osvif(case.port(), NETWORK, SUBNETS, PCI)) is not None
        and control.is_offloaded(vif)
    }
    assert offloaded == {
        *("ovs-direct", "ovs-vdpa", "agilio-direct", "agilio-forwarder"),
        *("vrouter-direct", "vrouter-forwarder"),
    }


def test_a_command_that_hangs_is_given_up(tmp_path: Path) -> None:
    command = control.Command(script(tmp_path, "exec sleep 30"), timeout=0.2)
    with pytest.raises(ProviderError, match="timed out") as caught:
        command.run(["--oper=add"])
    assert caught.value.retriable


def test_a_command_tells_what_it_can(tmp_path: Path) -> None:
    assert not control.Command(script(tmp_path, "echo --oper"), 10.0).offloads()
    assert control.Command(script(tmp_path, "echo --oper --vnic_type X"), 10.0).offloads()


def test_what_a_failed_command_said_is_told(tmp_path: Path) -> None:
    command = control.Command(script(tmp_path, "echo no agent >&2; exit 5"), 10.0)
    with pytest.raises(ProviderError, match="exit code 5: no agent"):
        command.run(["--oper=add"])
