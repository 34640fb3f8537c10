"""os-vif plugs with our plugin, which runs a command that stands in for vRouter's."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import os_vif
import pytest
from os_vif import exception
from oslo_config import cfg

from sriov_provider.errors import Code, ProviderError
from sriov_provider.portdriver.osvif import objects, plugging, vrouter
from tests.fakes.bound_ports import CASES, NETWORK, NETWORK_ID, PCI, PORT_ID, SOCKET, SUBNETS
from tests.functional import netns
from tests.functional.portdriver.osvif.recorder import Recorder

BY_NAME = {case.name: case for case in CASES}
INSTANCE = "4b1f0e6a-8d35-4a0c-b1de-3f7f2f1c9a10"
PROJECT = str(NETWORK["tenant_id"])
TAP = "tap7d9b2c1e-4f"
COMMON = {
    "oper": "add",
    "uuid": PORT_ID,
    "instance_uuid": INSTANCE,
    "vn_uuid": NETWORK_ID,
    "vm_project_uuid": PROJECT,
    "ip_address": "192.0.2.10",
    "ipv6_address": "2001:db8:1::10",
    "vm_name": "amphora-1",
    "mac": "fa:16:3e:12:34:56",
    "tap_name": TAP,
    "port_type": "NameSpacePort",
    "tx_vlan_id": "-1",
    "rx_vlan_id": "-1",
}
FORWARDER = {"vif_type": "VhostUser", "vhostuser_socket": SOCKET}


@pytest.fixture
def recorder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return Recorder(tmp_path)


def vif(name: str, **more: Any) -> Any:
    port = BY_NAME[name].port() | more
    return plugging.for_namespace(objects.to_osvif(port, NETWORK, SUBNETS, PCI))


def instance() -> Any:
    return objects.instance(INSTANCE, "amphora-1", PROJECT)


def test_os_vif_knows_the_plugin_beside_the_vendors_name() -> None:
    plugging.initialize()
    infos = {info.plugin_name: info for info in os_vif.host_info().plugin_info}
    assert "vrouter" not in infos
    named = {info.vif_object_name for info in infos[vrouter.NAME].vif_info}
    assert named == {"VIFGeneric", "VIFHostDevice", "VIFVHostUser"}


def test_a_namespaces_port_is_announced_and_taken_back(recorder: Recorder) -> None:
    one = vif("vrouter")
    assert one.plugin == vrouter.NAME
    plugging.initialize()
    os_vif.plug(one, instance())
    os_vif.unplug(one, instance())
    (_, added), (line, deleted) = recorder.calls()
    assert added == COMMON
    assert deleted == {"oper": "delete", "uuid": PORT_ID, "tap_name": TAP}
    assert line == ["--oper=delete", f"--uuid={PORT_ID}", f"--tap_name={TAP}"]


def test_a_port_of_one_address_is_announced_with_both(recorder: Recorder) -> None:
    only_v6 = [{"subnet_id": "subnet-6", "ip_address": "2001:db8:1::10"}]
    plugging.plug(vif("vrouter", fixed_ips=only_v6), instance())
    plugging.plug(vif("vrouter", fixed_ips=[]), instance())
    told = [(call["ip_address"], call["ipv6_address"]) for _, call in recorder.calls()]
    assert told == [("0.0.0.0", "2001:db8:1::10"), ("0.0.0.0", "::")]


def test_a_vhost_user_port_is_announced_with_its_socket(recorder: Recorder) -> None:
    one = vif("vhostuser-vrouter")
    plugging.plug(one, instance())
    plugging.unplug(one, instance())
    added, deleted = (call for _, call in recorder.calls())
    assert added == COMMON | FORWARDER | {"vhostuser_mode": "1"}  # a server's
    assert deleted["vhostuser_socket"] == SOCKET


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("vrouter-direct", {"vnic_type": "direct", "pci_dev": PCI}),
        (
            "vrouter-forwarder",
            {"vnic_type": "virtio-forwarder", "pci_dev": PCI, "vhostuser_mode": "0", **FORWARDER},
        ),
    ],
)
def test_offloaded_ports_need_a_command_that_knows_them(
    recorder: Recorder, name: str, more: dict[str, str]
) -> None:
    one = vif(name)
    for refused in (plugging.plug, plugging.unplug):
        with pytest.raises(ProviderError, match="does not know --vnic_type") as caught:
            refused(one, instance())
        assert caught.value.reason.code is Code.UNSUPPORTED
    assert recorder.calls() == []
    recorder.install(offloads=True)
    plugging.plug(one, instance())
    plugging.unplug(one, instance())
    added, deleted = (call for _, call in recorder.calls())
    assert added == COMMON | more
    assert (deleted["vnic_type"], deleted["pci_dev"]) == (more["vnic_type"], PCI)


def test_a_command_that_fails_is_told(recorder: Recorder) -> None:
    recorder.install(code=4)
    with pytest.raises(ProviderError, match="exit code 4") as caught:
        plugging.plug(vif("vrouter"), instance())
    assert (caught.value.reason.code, caught.value.retriable) == (Code.CLOUD_ERROR, True)


def test_a_command_that_is_missing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProviderError, match="vrouter-port-control is not installed") as caught:
        plugging.plug(vif("vrouter"), instance())
    assert (caught.value.reason.code, caught.value.retriable) == (Code.CONFIGURATION, False)


def test_objects_of_other_switches_are_refused(recorder: Recorder) -> None:
    one = vif("ovs")
    one.plugin = vrouter.NAME
    with pytest.raises(exception.PlugException, match="VIFOpenVSwitch into a vRouter"):
        plugging.initialize()
        os_vif.plug(one, instance())
    assert recorder.calls() == []


def test_what_the_plugin_says_comes_through_os_vif(recorder: Recorder) -> None:
    """Nothing of it is retried: nobody installs a command meanwhile."""
    one = vif("ovs")
    one.plugin = vrouter.NAME
    for refused in (plugging.plug, plugging.unplug):
        with pytest.raises(ProviderError, match="VIFOpenVSwitch into a vRouter") as caught:
            refused(one, instance())
        assert (caught.value.reason.code, caught.value.retriable) == (Code.UNSUPPORTED, False)
    assert recorder.calls() == []


def test_a_plugin_that_is_not_installed_is_told() -> None:
    with pytest.raises(ProviderError, match="agilio_ovs"):
        plugging.plug(vif("agilio-direct"), instance())


def test_a_port_may_be_announced_as_an_instances(recorder: Recorder) -> None:
    plugging.initialize()
    cfg.CONF.set_override("port_type", "NovaVMPort", "os_vif_sriov_vrouter")
    try:
        plugging.plug(vif("vrouter"), instance())
    finally:
        cfg.CONF.clear_override("port_type", "os_vif_sriov_vrouter")
    assert recorder.calls()[0][1]["port_type"] == "NovaVMPort"


@pytest.mark.root
def test_the_port_driver_plugs_an_interface_of_its_own(recorder: Recorder, tmp_path: Path) -> None:
    port = BY_NAME["vrouter"].port() | {"device_id": INSTANCE}
    with netns.namespace("vrouter") as space, netns.namespace("amphora") as inside:

        def call(verb: str) -> Any:
            request = {
                "port": port,
                "subnets": SUBNETS,
                "network": NETWORK,
                "settings": [],
                "state": str(tmp_path / "ports"),
                "namespace": inside.name,
            }
            module = "tests.functional.portdriver.osvif.host"
            words = ("ip", "netns", "exec", space.name, sys.executable, "-W", "ignore")
            return json.loads(
                netns.run(*words, "-m", module, verb, "e-1", stdin=json.dumps(request))
            )

        assert call("plug") == {"told": TAP}
        (link,) = json.loads(inside.ip("-j", "link", "show", "eth0"))
        assert (link["address"], link["mtu"]) == (COMMON["mac"], NETWORK["mtu"])
        (link,) = json.loads(space.ip("-j", "link", "show", TAP))
        assert "UP" in link["flags"]
        assert call("unplug") == {"told": None}
        left = json.loads(space.ip("-j", "link", "show"))
        assert {link["ifname"] for link in left} == {"lo"}
    (_, added), (_, deleted) = recorder.calls()
    assert added == COMMON | {"vm_name": INSTANCE}
    assert deleted["tap_name"] == TAP
