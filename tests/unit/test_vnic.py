from __future__ import annotations

import pytest

from sriov_provider import vnic
from sriov_provider.vnic import Filter


def test_direct_takes_a_vf_and_normal_does_not() -> None:
    assert vnic.KINDS[vnic.DIRECT].takes_vf
    assert not vnic.KINDS[vnic.NORMAL].takes_vf
    assert vnic.DIRECT in vnic.VF_KINDS
    assert vnic.NORMAL not in vnic.VF_KINDS
    assert all(name == kind.vnic_type for name, kind in vnic.KINDS.items())


@pytest.mark.parametrize(
    ("vif_type", "host", "bound"),
    [
        ("hw_veb", "node", True),
        ("ovs", "node", True),
        ("hw_veb", "", False),
        ("hw_veb", None, False),
        ("binding_failed", "node", False),
        ("unbound", "node", False),
        (None, "node", False),
    ],
)
def test_is_bound(vif_type: str | None, host: str | None, bound: bool) -> None:
    assert vnic.is_bound(vif_type, host) is bound


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
