from __future__ import annotations

import pytest

from sriov_provider import vnic
from sriov_provider.vnic import Binding, Filter


def test_direct_takes_a_vf_and_normal_does_not() -> None:
    assert vnic.KINDS[vnic.DIRECT].takes_vf
    assert not vnic.KINDS[vnic.NORMAL].takes_vf
    assert vnic.DIRECT in vnic.VF_KINDS
    assert vnic.NORMAL not in vnic.VF_KINDS
    assert all(name == kind.vnic_type for name, kind in vnic.KINDS.items())


def test_every_kind_of_neutron_is_accepted_or_refused_with_a_reason() -> None:
    """The list is neutron-lib's ``portbindings.VNIC_TYPES``."""
    known = {
        "normal", "direct", "macvtap", "baremetal", "direct-physical", "virtio-forwarder",
        "smart-nic", "vdpa", "accelerator-direct", "accelerator-direct-physical", "remote-managed",
    }  # fmt: skip
    assert set(vnic.KINDS) | set(vnic.REFUSED) == known
    assert not set(vnic.KINDS) & set(vnic.REFUSED)
    assert all(len(reason) > 20 for reason in vnic.REFUSED.values())


def test_what_a_kind_needs() -> None:
    assert [k.vnic_type for k in vnic.KINDS.values() if k.boot_only] == ["virtio-forwarder"]
    assert vnic.KINDS["macvtap"].path is vnic.Path.SWITCH
    assert vnic.KINDS["vdpa"].path is vnic.Path.OFFLOADED
    assert vnic.HOST_KINDS == ("direct", "macvtap", "normal")


@pytest.mark.parametrize(
    ("vif_type", "host", "server_host", "outcome"),
    [
        ("hw_veb", "node", "node", Binding.BOUND),
        ("ovs", "node", None, Binding.BOUND),
        ("ovs", "node", "other", Binding.ELSEWHERE),
        ("hw_veb", "", "node", Binding.PENDING),
        ("hw_veb", None, None, Binding.PENDING),
        ("unbound", "node", "node", Binding.PENDING),
        (None, "node", "node", Binding.PENDING),
        ("binding_failed", "node", "node", Binding.FAILED),
        ("binding_failed", "", None, Binding.FAILED),
    ],
)
def test_judge(
    vif_type: str | None, host: str | None, server_host: str | None, outcome: Binding
) -> None:
    assert vnic.judge(vif_type, host, server_host) is outcome


@pytest.mark.parametrize(
    ("vif_type", "port_filter", "port_security", "who"),
    [
        ("hw_veb", False, True, Filter.AMPHORA),
        ("ovs", True, True, Filter.NEUTRON),
        ("ovs", True, False, Filter.AMPHORA),
        ("ovs", False, True, Filter.AMPHORA),
        ("ovs", None, True, Filter.AMPHORA),
        ("binding_failed", True, True, Filter.UNKNOWN),
        ("unbound", False, True, Filter.UNKNOWN),
        (None, True, True, Filter.UNKNOWN),
    ],
)
def test_decide_filter(
    vif_type: str | None, port_filter: bool | None, port_security: bool, who: Filter
) -> None:
    assert vnic.decide_filter(vif_type, port_filter, port_security) is who
