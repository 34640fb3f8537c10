from __future__ import annotations

import dataclasses

import pytest
from os_vif.objects import base
from os_vif.objects.vif import VIFBase

from sriov_provider import vnic
from sriov_provider.errors import Code, ProviderError
from sriov_provider.portdriver.osvif import objects
from tests.fakes.bound_ports import CASES, NETWORK, PCI, PORT_ID, SOCKET, SUBNETS, Case, fields

BY_NAME = {case.name: case for case in CASES}


def made(name: str) -> VIFBase:
    vif = objects.to_osvif(BY_NAME[name].port(), NETWORK, SUBNETS, PCI)
    assert isinstance(vif, VIFBase)
    return vif


@pytest.mark.parametrize("case", [c for c in CASES if c.osvif], ids=lambda c: c.name)
def test_objects_survive_their_primitives(case: Case) -> None:
    vif = made(case.name)
    copied = base.VersionedObject.obj_from_primitive(vif.obj_to_primitive())
    assert type(copied) is type(vif)
    assert fields(copied) == fields(vif)


@pytest.mark.parametrize("name", ["vrouter-direct", "vrouter-forwarder", "agilio-forwarder"])
def test_an_offloaded_port_tells_its_representor(name: str) -> None:
    offload = made(name).port_profile.datapath_offload
    assert type(offload).__name__ == "DatapathOffloadRepresentor"
    assert (offload.representor_name, offload.representor_address) == ("tap7d9b2c1e-4f", PCI)


def test_a_vf_without_offload_has_no_object() -> None:
    port = BY_NAME["hw_veb"].port()
    assert objects.to_osvif(port, NETWORK, SUBNETS, PCI) is None


def test_the_vf_that_was_claimed_counts_not_the_one_in_the_profile() -> None:
    port = BY_NAME["vrouter-direct"].port()
    vif = objects.to_osvif(port, NETWORK, SUBNETS, "0000:af:00.7")
    assert vif.dev_address == "0000:af:00.7"
    assert objects.to_osvif(port, NETWORK, SUBNETS, None).dev_address == PCI


def test_a_port_without_a_network_has_neither_label_nor_mtu() -> None:
    network = objects.to_osvif(BY_NAME["ovs"].port(), None, SUBNETS, None).network
    assert not network.obj_attr_is_set("label")
    assert network.mtu is None


def test_a_port_that_is_switched_off_counts_as_active() -> None:
    port = BY_NAME["vrouter"].port()
    assert not objects.to_osvif(port, NETWORK, SUBNETS, None).active
    port["admin_state_up"] = False
    assert objects.to_osvif(port, NETWORK, SUBNETS, None).active


def test_the_forwarder_is_found_by_its_socket() -> None:
    vif = made("vrouter-forwarder")
    assert (vif.path, vif.mode) == (SOCKET, "client")


@pytest.mark.parametrize(
    ("case", "why"),
    [
        (Case("", "vrouter", "macvtap", {}, None), "no datapath is known"),
        (Case("", "ovs", "virtio-forwarder", {}, None), "no datapath is known"),
        (Case("", "bridge", "normal", {}, None), "no datapath is known"),
        (Case("", "hw_veb", "direct-physical", {}, None), "a whole PF"),
        (Case("", "vhostuser", "normal", {"vhostuser_fp_plug": True}, None), "vhostuser_fp"),
        (Case("", "vhostuser", "normal", {}, None), "no vhostuser_socket"),
    ],
    ids=lambda value: getattr(value, "vif_type", ""),
)
def test_other_pairs_are_refused(case: Case, why: str) -> None:
    with pytest.raises(ProviderError, match=why) as caught:
        objects.to_osvif(case.port(), NETWORK, SUBNETS, PCI)
    assert caught.value.reason.code is Code.UNSUPPORTED
    assert PORT_ID in caught.value.reason.operator


@pytest.mark.parametrize("kind", sorted(vnic.REFUSED))
def test_refused_kinds_are_refused_whatever_binds_them(kind: str) -> None:
    for vif_type in ("ovs", "hw_veb", "vrouter"):
        with pytest.raises(ProviderError):
            objects.to_osvif(Case("", vif_type, kind, {}, None).port(), NETWORK, SUBNETS, PCI)


def test_an_offloaded_port_needs_a_vf() -> None:
    port = BY_NAME["vrouter-direct"].port() | {"binding:profile": {}}
    with pytest.raises(ProviderError, match="no PCI address"):
        objects.to_osvif(port, NETWORK, SUBNETS, None)


def test_what_is_not_bound_may_be_tried_again() -> None:
    port = dataclasses.replace(CASES[0], vif_type="binding_failed").port()
    with pytest.raises(ProviderError) as caught:
        objects.to_osvif(port, NETWORK, SUBNETS, None)
    assert (caught.value.reason.code, caught.value.retriable) == (Code.BINDING_FAILED, True)


def test_all_subnets_of_the_port_have_to_be_told() -> None:
    with pytest.raises(ProviderError, match="subnet-6") as caught:
        objects.to_osvif(CASES[0].port(), NETWORK, SUBNETS[:1], None)
    assert caught.value.reason.code is Code.NOT_FOUND


def test_the_instance_is_told() -> None:
    info = objects.instance(PORT_ID, "amphora-1", "project")
    assert (info.uuid, info.name, info.project_id) == (PORT_ID, "amphora-1", "project")
    assert not objects.instance(PORT_ID, "amphora-1").obj_attr_is_set("project_id")
