"""What kuryr-libnetwork's own server answers: ``python -m ...kuryr < request``.

In a process of its own, for it registers options that others register too. Its Neutron client and
its port drivers are faked. The request is JSON: network, subnets and port as Neutron has them, and
the calls, each a path and a body. The answer has the paths that the server knows, and for each call
a status and a body.
"""

from __future__ import annotations

import copy
import json
import sys
from typing import Any

import flask
import kuryr_libnetwork
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


def application(neutron: NeutronClient) -> flask.Flask:
    """:param neutron: what it takes for Neutron"""
    app, driver = kuryr_libnetwork.app, PortDriver(neutron)
    app.neutron, app.driver = neutron, driver
    app.tag = app.tag_ext = app.vif_plug_is_fatal = False
    controllers.get_driver = lambda _port: driver
    return app


def main() -> None:
    request = json.load(sys.stdin)
    neutron = NeutronClient(request["network"], request["subnets"], request["port"])
    app = application(neutron)
    client = app.test_client()
    answers = []
    for path, body in request["calls"]:
        told = client.post(path, json=body)
        answers.append((told.status_code, told.get_json(force=True)))
    paths = [rule.rule for rule in app.url_map.iter_rules()]
    json.dump({"paths": paths, "answers": answers}, sys.stdout)


if __name__ == "__main__":
    main()
