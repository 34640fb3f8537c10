"""Nova's own conversion is the specification: every field of every row is compared with it.

What Neutron shows goes into both: into Nova through its reader of Neutron, which builds its model
of the network, and that into ``nova_to_osvif_vif``.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from nova import context, exception
from nova.network import neutron, os_vif_util

from sriov_provider.errors import Code, ProviderError
from sriov_provider.portdriver.osvif import objects
from tests.fakes.bound_ports import (
    CASES,
    NETWORK,
    PCI,
    PORT_ID,
    SUBNETS,
    Case,
    fields,
)


class Client:
    """As much of a Neutron client as Nova's reader of ports asks."""

    def list_subnets(self, id: list[str], **_unused: Any) -> dict[str, Any]:
        return {"subnets": [dict(subnet) for subnet in SUBNETS if subnet["id"] in id]}

    def list_ports(self, **_unused: Any) -> dict[str, Any]:
        return {"ports": []}

    def list_floatingips(self, **_unused: Any) -> dict[str, Any]:
        return {"floatingips": []}

    def list_extensions(self, **_unused: Any) -> dict[str, Any]:
        return {"extensions": []}

    def show_network(self, _network_id: str, **_unused: Any) -> dict[str, Any]:
        return {"network": dict(NETWORK)}


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Neutron's port -> Nova's model of it."""
    client = Client()
    monkeypatch.setattr(neutron, "get_client", lambda *_args, **_named: client)
    admin = context.RequestContext("admin", "project", is_admin=True)
    api = neutron.API()
    return lambda port: api._build_vif_model(admin, client, port, [dict(NETWORK)], [PORT_ID])


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_every_field_is_novas(model: Any, case: Case) -> None:
    specified = os_vif_util.nova_to_osvif_vif(model(case.port()))
    made = objects.to_osvif(case.port(), NETWORK, SUBNETS, PCI)
    if case.osvif is None:
        assert made is None and specified is None
        return
    assert (type(made).__name__, made.plugin) == case.osvif
    assert fields(made) == fields(specified)


def test_all_rows_are_compared() -> None:
    seen = {(case.vif_type, case.vnic_type) for case in CASES}
    assert seen == set(objects.ROWS) | objects.WITHOUT_OSVIF


@pytest.mark.parametrize("vif_type", ["binding_failed", "unbound"])
def test_neither_plugs_what_is_not_bound(model: Any, vif_type: str) -> None:
    port = dataclasses.replace(CASES[0], vif_type=vif_type).port()
    assert os_vif_util.nova_to_osvif_vif(model(port)) is None
    with pytest.raises(ProviderError) as caught:
        objects.to_osvif(port, NETWORK, SUBNETS, None)
    assert caught.value.reason.code is Code.BINDING_FAILED


def test_neither_plugs_a_vhost_user_port_without_its_socket(model: Any) -> None:
    port = Case("", "vrouter", "virtio-forwarder", {}, None).port()
    with pytest.raises(exception.VifDetailsMissingVhostuserSockPath):
        os_vif_util.nova_to_osvif_vif(model(port))
    with pytest.raises(ProviderError, match="tells no vhostuser_socket"):
        objects.to_osvif(port, NETWORK, SUBNETS, PCI)


def test_neither_knows_other_kinds_on_a_vrouter(model: Any) -> None:
    port = Case("", "vrouter", "macvtap", {}, None).port()
    with pytest.raises(NotImplementedError):
        os_vif_util.nova_to_osvif_vif(model(port))
    with pytest.raises(ProviderError, match="no datapath is known") as caught:
        objects.to_osvif(port, NETWORK, SUBNETS, PCI)
    assert caught.value.reason.code is Code.UNSUPPORTED
