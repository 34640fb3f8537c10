"""From the JSON body of a request to a :class:`~amphora_agent_ext.model.Document`. Pure."""

from __future__ import annotations

import functools
import ipaddress
import json
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import jsonschema

from amphora_agent_ext import model
from amphora_agent_ext.errors import DocumentError

T = TypeVar("T")
Path = tuple[str | int, ...]

_PORT = {"type": "integer", "minimum": 1, "maximum": 65535}
_PROTOCOL = {"enum": ["tcp", "udp", "sctp"]}
_STRINGS = {"type": "array", "items": {"type": "string", "maxLength": 64}}


def _object(properties: Mapping[str, Any], *optional: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }


def _list(items: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


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
                    "id": {"type": "string", "minLength": 1, "maxLength": 64},
                    "protocol": _PROTOCOL,
                    "port": _PORT,
                    "allowed_cidrs": _STRINGS,
                },
                "allowed_cidrs",
            )
        ),
        "members": _list(
            _object({"address": {"type": "string"}, "protocol": _PROTOCOL, "port": _PORT})
        ),
        "ping": _STRINGS,
        "peers": _STRINGS,
        "peer_port": {"anyOf": [_PORT, {"type": "null"}]},
        "echo": {"type": "boolean"},
    },
    "listeners",
    "members",
    "ping",
    "peers",
    "peer_port",
    "echo",
)


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
    error = jsonschema.exceptions.best_match(_validator().iter_errors(body))
    if error is not None:
        raise DocumentError(_join(tuple(error.absolute_path)), error.message[:300])
    assert isinstance(body, dict)
    document = _document(body)
    _check(document)
    return model.normalise(document)


@functools.cache
def _validator() -> Any:
    return jsonschema.Draft202012Validator(SCHEMA)


def _document(body: Mapping[str, Any]) -> model.Document:
    peer_port = body.get("peer_port")
    return model.Document(
        interfaces=_each(body["interfaces"], ("interfaces",), _interface),
        listeners=_each(body.get("listeners", ()), ("listeners",), _listener),
        members=_each(body.get("members", ()), ("members",), _member),
        ping=_each(body.get("ping", ()), ("ping",), _address),
        peers=_each(body.get("peers", ()), ("peers",), _address),
        peer_port=None if peer_port is None else int(peer_port),
        echo=body.get("echo", False),
    )


def _interface(item: Mapping[str, Any], path: Path) -> model.Interface:
    return model.Interface(
        mac=item["mac"].lower(),
        filter=model.Filter(item["filter"]),
        vips=_each(item.get("vips", ()), (*path, "vips"), _address),
        addresses=_each(item.get("addresses", ()), (*path, "addresses"), _address),
        dhcp=item.get("dhcp", False),
        slaac=item.get("slaac", False),
    )


def _listener(item: Mapping[str, Any], path: Path) -> model.Listener:
    return model.Listener(
        id=item["id"],
        protocol=item["protocol"],
        port=int(item["port"]),
        allowed_cidrs=_each(item.get("allowed_cidrs", ()), (*path, "allowed_cidrs"), _network),
    )


def _member(item: Mapping[str, Any], path: Path) -> model.Member:
    address = _address(item["address"], (*path, "address"))
    return model.Member(address=address, protocol=item["protocol"], port=int(item["port"]))


def _address(text: str, path: Path) -> model.Address:
    try:
        address = ipaddress.ip_address(text)
    except ValueError as error:
        raise DocumentError(_join(path), str(error)) from error
    if address.is_multicast or address.is_unspecified or address.is_loopback or "%" in text:
        raise DocumentError(_join(path), f"{text!r} cannot be the address of a host on a network")
    return address


def _network(text: str, path: Path) -> model.Network:
    try:
        if "%" in text:
            raise ValueError(f"{text!r} has a scope")
        # Users may write host bits (10.0.0.1/8); what they mean is the network.
        return ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise DocumentError(_join(path), str(error)) from error


def _check(document: model.Document) -> None:
    """Refuse what no ruleset can express: two meanings for one key."""
    _unique("interfaces", "mac", (i.mac for i in document.interfaces))
    _unique("listeners", "id", (x.id for x in document.listeners))
    _unique("listeners", "port", ((x.protocol, x.port) for x in document.listeners))
    for index, interface in enumerate(document.interfaces):
        for place, address in enumerate(interface.addresses):
            if address in interface.vips:
                path = _join(("interfaces", index, "addresses", place))
                raise DocumentError(path, f"{address} is a VIP of the same interface")


def _unique(section: str, key: str, values: Iterable[Hashable]) -> None:
    seen: set[Hashable] = set()
    for index, value in enumerate(values):
        if value in seen:
            raise DocumentError(_join((section, index, key)), f"{value!r} is there twice")
        seen.add(value)


def _each(items: Sequence[Any], path: Path, convert: Callable[[Any, Path], T]) -> tuple[T, ...]:
    return tuple(convert(item, (*path, index)) for index, item in enumerate(items))


def _join(path: Path) -> str:
    return "/".join(str(part) for part in path)
