"""Neutron's networks, subnets and ports behind the calls of :class:`sriov_provider.rest.Rest`."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from sriov_provider import cloud_errors
from sriov_provider.cloud_errors import Refusal
from sriov_provider.rest import Answer


class NeutronRest:
    """:ivar objects: by path, as ``/ports/ID``
    :ivar vif_type: what a port becomes that is bound to a host
    :ivar down: whether it refuses every change
    :ivar silent: beginning of the paths that are not answered
    """

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.vif_type = "ovs"
        self.down = False
        self.silent = ""

    def add(self, kind: str, **fields: Any) -> dict[str, Any]:
        self.objects[f"/{kind}s/{fields['id']}"] = fields
        return fields

    def find(self, path: str) -> Mapping[str, Any] | None:
        if self.silent and path.startswith(self.silent):
            raise cloud_errors.timeout(f"network: GET {path}: no answer")
        found = self.objects.get(path)
        kind = path.split("/")[-2]
        name = "policy" if kind == "policies" else kind[:-1]
        return None if found is None else {name: copy.deepcopy(found)}

    def get(self, path: str, **query: Any) -> Mapping[str, Any]:
        every = [copy.deepcopy(o) for p, o in self.objects.items() if p.startswith(path)]
        return {path[1:]: [one for one in every if _matches(one, query)]}

    def call(
        self, method: str, path: str, *, json: Mapping[str, Any], accept: tuple[int, ...] = ()
    ) -> Answer:
        assert method == "PUT"
        if self.down:
            raise cloud_errors.timeout(f"network: PUT {path}: no answer")
        if path not in self.objects:
            assert 404 in accept
            return Answer(404, {}, Refusal(404, "PortNotFound", "gone"))
        port = self.objects[path]
        port |= json["port"]
        port["binding:vif_type"] = self.vif_type if port["binding:host_id"] else "unbound"
        return Answer(200, {"port": copy.deepcopy(port)})


def _matches(one: Mapping[str, Any], query: Mapping[str, Any]) -> bool:
    for name, value in query.items():
        if name == "fixed_ips":
            own = {f"ip_address={fixed['ip_address']}" for fixed in one["fixed_ips"]}
            if not own & set(value):
                return False
        elif one[name] != value:
            return False
    return True
