"""What Neutron and Nova have that may be ours: listed, looked at again, deleted."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator, Mapping
from typing import Any

from sriov_provider.cloud import COMPUTE, NETWORK, Cloud
from sriov_provider.compute import nova
from sriov_provider.compute.base import OWNER_KEY
from sriov_provider.errors import ProviderError
from sriov_provider.network import ports
from sriov_provider.rest import Answer, Rest
from sriov_provider.sweep.model import Found, Kind

# Of every list; Nova's and Neutron's usual upper limit.
_PAGE = 1000
_GROUP_FIELDS = ("id", "name", "description", "created_at", "project_id")
_TAG = "octavia-sriov:"
_CONFLICT = 409

Json = Mapping[str, Any]


class Belongings:
    """Asks on every call; keeps nothing. All verbs raise ``ProviderError``."""

    def __init__(self, cloud: Cloud) -> None:
        self._neutron = Rest(cloud, NETWORK)
        self._nova = Rest(cloud, COMPUTE)

    def everything(self, load_balancer_id: str | None = None) -> tuple[Found, ...]:
        """All servers and server groups of our project, all ports and security groups with our
        tag; those of one load balancer if it is given (its servers stand among the others)."""
        query = {"project_id": self._neutron.project_id()}
        if load_balancer_id:
            query["description"] = _TAG + load_balancer_id
        tagged = (
            *map(self._port, self._ports(query)),
            *map(self._security_group, self._security_groups(query)),
        )
        return (
            *map(self._server, nova.servers(self._nova)),
            *(f for f in tagged if f.load_balancer_id),
            *map(_server_group, nova.server_groups(self._nova)),
        )

    def again(self, one: Found) -> tuple[Found, ...]:
        """It, as it is now, and what decides over it: a server's ports, a port's server. Empty
        when it is gone."""
        found = self.look(one.kind, one.id)
        if found is None:
            return ()
        if one.kind is Kind.SERVER:
            return (found, *map(self._port, self._ports({"device_id": one.id})))
        server = self.look(Kind.SERVER, found.server_id) if found.server_id else None
        return (found, server) if server else (found,)

    def look(self, kind: Kind, item: str) -> Found | None:
        """One thing, or None when there is no such thing. Nova's answers are kept out of the log
        as in :func:`nova.servers`."""
        if kind is Kind.PORT:
            body = self._neutron.find(f"/ports/{item}")
            return self._port(body["port"]) if body else None
        if kind is Kind.SECURITY_GROUP:
            body = self._neutron.find(f"/security-groups/{item}")
            return self._security_group(body["security_group"]) if body else None
        path = "/servers" if kind is Kind.SERVER else "/os-server-groups"
        answer = self._nova.call("GET", f"{path}/{item}", accept=(404,), secret=True)
        if answer.refusal:
            return None
        if kind is Kind.SERVER:
            return self._server(answer.body["server"])
        return _server_group(answer.body["server_group"])

    def delete(self, one: Found) -> ProviderError | None:
        """Gone already is no error.

        :returns: why it cannot be deleted now; None when the delete was accepted
        """
        service, path = {
            Kind.SERVER: (self._nova, "/servers"),
            Kind.SERVER_GROUP: (self._nova, "/os-server-groups"),
            Kind.PORT: (self._neutron, "/ports"),
            Kind.SECURITY_GROUP: (self._neutron, "/security-groups"),
        }[one.kind]
        path = f"{path}/{one.id}"
        answer: Answer = service.delete(path, accept=(_CONFLICT,))
        return service.error(answer, "DELETE", path) if answer.status == _CONFLICT else None

    def _ports(self, query: Mapping[str, str]) -> Iterator[Json]:
        return self._neutron.pages("/ports", "ports", limit=_PAGE, **query)

    def _security_groups(self, query: Mapping[str, str]) -> Iterator[Json]:
        return self._neutron.pages(
            "/security-groups", "security_groups", fields=_GROUP_FIELDS, limit=_PAGE, **query
        )

    def _port(self, body: Json) -> Found:
        found = _tagged(Kind.PORT, body, self._neutron)
        return dataclasses.replace(found, port=ports.parse(body))

    def _security_group(self, body: Json) -> Found:
        return _tagged(Kind.SECURITY_GROUP, body, self._neutron)

    def _server(self, body: Json) -> Found:
        return Found(
            Kind.SERVER,
            body["id"],
            body["name"],
            _owner((body.get("metadata") or {}).get(OWNER_KEY)),
            _time(body.get("created")),
            mine=body.get("tenant_id") == self._nova.project_id(),
        )


def _tagged(kind: Kind, body: Json, neutron: Rest) -> Found:
    return Found(
        kind,
        body["id"],
        body["name"],
        _owner(body.get("description")),
        _time(body.get("created_at")),
        mine=body.get("project_id") == neutron.project_id(),
    )


def _server_group(body: Json) -> Found:
    """Nova gives it no time of birth, and shows those of our project alone."""
    members = tuple(body.get("members") or ())
    return Found(Kind.SERVER_GROUP, body["id"], body["name"], members=members)


def _owner(tag: str | None) -> str | None:
    """The load balancer of a tag of ours."""
    return tag[len(_TAG) :] or None if tag and tag.startswith(_TAG) else None


def _time(text: str | None) -> datetime.datetime | None:
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None
