"""From the JSON body of a request to a :class:`~amphora_agent_ext.model.Document`. Pure."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from amphora_agent_ext import fields, model, networks
from amphora_agent_ext.errors import DocumentError
from amphora_agent_ext.fields import Path

# Logged packets a second, at most.
MOST_LOGGED = 1000
_PORT = {"type": "integer", "minimum": 1, "maximum": 65535}
_STRING = {"type": "string", "minLength": 1, "maxLength": fields.LONGEST}
_PROTOCOL = {"enum": ["tcp", "udp", "sctp"]}
_STRINGS = {"type": "array", "items": {"type": "string", "maxLength": fields.LONGEST}}


def _object(properties: Mapping[str, Any], *optional: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }


def _list(items: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


# What is taken, as far as a schema can tell.
SCHEMA = _object(
    {
        "version": {"const": 1},
        "interfaces": _list(
            _object(
                {
                    "mac": {"type": "string", "pattern": r"^([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}\Z"},
                    "filter": {"enum": [f.value for f in model.Filter]},
                    "vips": _STRINGS,
                    "addresses": _STRINGS,
                    "dhcp": {"type": "boolean"},
                    "slaac": {"type": "boolean"},
                },
                "vips",
                "addresses",
                "dhcp",
                "slaac",
            )
        ),
        "listeners": _list(
            _object(
                {
                    "id": _STRING,
                    "protocol": _PROTOCOL,
                    "port": _PORT,
                    "allowed_cidrs": _STRINGS,
                },
                "allowed_cidrs",
            )
        ),
        "members": _list(_object({"address": _STRING, "protocol": _PROTOCOL, "port": _PORT})),
        "ping": _STRINGS,
        "peers": _STRINGS,
        "peer_port": {"anyOf": [_PORT, {"type": "null"}]},
        "echo": {"type": "boolean"},
        "log": {"type": "integer", "minimum": 0, "maximum": MOST_LOGGED},
    },
    "listeners",
    "members",
    "ping",
    "peers",
    "peer_port",
    "echo",
    "log",
)


_INTERFACE, _LISTENER, _MEMBER = (
    SCHEMA["properties"][name]["items"] for name in ("interfaces", "listeners", "members")
)
_FILTERS = {f.value: f for f in model.Filter}
_PROTOCOLS = {name: name for name in ("tcp", "udp", "sctp")}


def decode(text: str | bytes) -> model.Document:
    """:func:`parse` for JSON that is not decoded yet.

    :raises DocumentError: also for what is not JSON, or nested too deeply to be looked at
    """
    try:
        return parse(json.loads(text))
    except DocumentError:
        raise
    except ValueError as error:
        raise DocumentError("", f"not JSON: {error}") from error
    except RecursionError as error:
        raise DocumentError("", "nested too deeply") from error


def parse(body: object) -> model.Document:
    """The normalised document a request body means.

    :raises DocumentError: with the path of what is wrong and the reason
    """
    known: Mapping[str, Any] = fields.mapping(body, (), SCHEMA)
    fields.number(known["version"], ("version",), 1, 1)
    port = known.get("peer_port")
    document = model.Document(
        interfaces=fields.each(known["interfaces"], ("interfaces",), _interface),
        listeners=fields.each(known.get("listeners", []), ("listeners",), _listener),
        members=fields.each(known.get("members", []), ("members",), _member),
        ping=fields.texts(known.get("ping", []), ("ping",), _address),
        peers=fields.texts(known.get("peers", []), ("peers",), _address),
        peer_port=None if port is None else _port(port, ("peer_port",)),
        echo=fields.boolean(known.get("echo", False), ("echo",)),
        log=fields.number(known.get("log", 0), ("log",), 0, MOST_LOGGED),
    )
    _check(document)
    return model.normalise(document)


def _interface(value: Any, path: Path) -> model.Interface:
    item = fields.mapping(value, path, _INTERFACE)
    return model.Interface(
        mac=fields.mac(item["mac"], (*path, "mac")),
        filter=fields.one_of(item["filter"], (*path, "filter"), _FILTERS),
        vips=fields.texts(item.get("vips", []), (*path, "vips"), _address),
        addresses=fields.texts(item.get("addresses", []), (*path, "addresses"), _address),
        dhcp=fields.boolean(item.get("dhcp", False), (*path, "dhcp")),
        slaac=fields.boolean(item.get("slaac", False), (*path, "slaac")),
    )


def _listener(value: Any, path: Path) -> model.Listener:
    item = fields.mapping(value, path, _LISTENER)
    cidrs = item.get("allowed_cidrs", [])
    return model.Listener(
        id=fields.text(item["id"], (*path, "id"), str),
        protocol=fields.one_of(item["protocol"], (*path, "protocol"), _PROTOCOLS),
        port=_port(item["port"], (*path, "port")),
        allowed_cidrs=fields.texts(cidrs, (*path, "allowed_cidrs"), networks.parse),
    )


def _member(value: Any, path: Path) -> model.Member:
    item = fields.mapping(value, path, _MEMBER)
    return model.Member(
        address=fields.text(item["address"], (*path, "address"), _address),
        protocol=fields.one_of(item["protocol"], (*path, "protocol"), _PROTOCOLS),
        port=_port(item["port"], (*path, "port")),
    )


def _port(value: Any, path: Path) -> int:
    return fields.number(value, path, 1, 65535)


def _address(text: str) -> model.Address:
    address = ipaddress.ip_address(text)
    if address.is_multicast or address.is_unspecified or address.is_loopback or "%" in text:
        raise ValueError(f"{text!r} cannot be the address of a host on a network")
    return address


def _check(document: model.Document) -> None:
    """Refuse what no ruleset can express: two meanings for one key."""
    _unique("interfaces", "mac", (i.mac for i in document.interfaces))
    _unique("listeners", "id", (x.id for x in document.listeners))
    _unique("listeners", "port", ((x.protocol, x.port) for x in document.listeners))
    for index, interface in enumerate(document.interfaces):
        vips = set(interface.vips)
        for place, address in enumerate(interface.addresses):
            if address in vips:
                path = ("interfaces", index, "addresses", place)
                raise fields.wrong(path, f"{address} is a VIP of the same interface")


def _unique(section: str, key: str, values: Iterable[Hashable]) -> None:
    seen: set[Hashable] = set()
    for index, value in enumerate(values):
        if value in seen:
            raise fields.wrong((section, index, key), f"{value!r} is there twice")
        seen.add(value)
