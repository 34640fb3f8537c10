"""kuryr-libnetwork's own application, with its Neutron client and its port drivers faked."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import kuryr_libnetwork
import pytest
from flask.testing import FlaskClient
from kuryr_libnetwork import controllers
from kuryr_libnetwork import utils as kuryr_utils


class NeutronClient:
    """As much of python-neutronclient as kuryr-libnetwork calls for one port of one network."""

    def __init__(
        self, network: dict[str, Any], subnets: list[dict[str, Any]], port: dict[str, Any]
    ) -> None:
        self.network = {"shared": False, "tags": [], **copy.deepcopy(network)}
        self.subnets = [{"name": "", "subnetpool_id": None, **subnet} for subnet in subnets]
        self.port = {"name": "", "tags": [], "admin_state_up": True, **copy.deepcopy(port)}

    def list_networks(self, **query: Any) -> dict[str, Any]:
        found = all(self.network[name] == value for name, value in query.items())
        return {"networks": [copy.deepcopy(self.network)] if found else []}

    def update_network(self, _network_id: str, body: dict[str, Any]) -> dict[str, Any]:
        self.network |= body["network"]
        return {"network": copy.deepcopy(self.network)}

    def delete_network(self, _network_id: str) -> None: ...

    def delete_subnet(self, _subnet_id: str) -> None: ...

    def list_subnets(self, **query: Any) -> dict[str, Any]:
        matching = [s for s in self.subnets if all(s[k] == v for k, v in query.items())]
        return {"subnets": copy.deepcopy(matching)}

    def list_subnetpools(self, **_query: Any) -> dict[str, Any]:
        return {"subnetpools": [{"id": "pool"}]}

    def list_ports(self, **query: Any) -> dict[str, Any]:
        found = query.get("name", self.port["name"]) == self.port["name"]
        return {"ports": [copy.deepcopy(self.port)] if found else []}

    def list_security_groups(self, **_query: Any) -> dict[str, Any]:
        return {"security_groups": []}

    def update_port(self, _port_id: str, body: dict[str, Any]) -> dict[str, Any]:
        self.port |= body["port"]
        return {"port": copy.deepcopy(self.port)}


class PortDriver:
    """In place of kuryr's own."""

    def __init__(self, neutron: NeutronClient) -> None:
        self._neutron = neutron

    def update_port(
        self, port: dict[str, Any], endpoint_id: str, _mac: str, tags: bool
    ) -> dict[str, Any]:
        assert not tags
        name = kuryr_utils.get_neutron_port_name(endpoint_id)
        return dict(self._neutron.update_port(port["id"], {"port": {"name": name}})["port"])

    def create_host_iface(self, *_args: Any) -> tuple[str, str]:
        return "", ""

    delete_host_iface = create_host_iface

    def get_default_network_id(self) -> None:
        return None

    def get_container_iface_name(self, port: dict[str, Any]) -> str:
        return "if" + str(port["id"][:8])


def application(monkeypatch: pytest.MonkeyPatch, neutron: NeutronClient) -> Iterator[FlaskClient]:
    """:param neutron: what it takes for Neutron"""
    app = kuryr_libnetwork.app
    driver = PortDriver(neutron)
    attributes: dict[str, Any] = {
        "neutron": neutron,
        "tag": False,
        "tag_ext": False,
        "vif_plug_is_fatal": False,
        "driver": driver,
    }
    for name, value in attributes.items():
        monkeypatch.setattr(app, name, value, raising=False)
    monkeypatch.setattr(controllers, "get_driver", lambda _port: driver)
    yield app.test_client()
