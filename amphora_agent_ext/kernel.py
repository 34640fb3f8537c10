"""The kernel's side of the table, through libnftables, in process."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import nftables

from amphora_agent_ext import namespace
from amphora_agent_ext.errors import FirewallError
from amphora_agent_ext.render import MARK_SET, TABLE, Mark
from amphora_agent_ext.totals import Count, Totals

# Numbers are what nft prints where /etc/protocols is not installed.
_PROTOCOLS = {6: "tcp", 17: "udp", 132: "sctp"}
_REFUSED = "nft refused"
_ABSENT = "No such file or directory"


def replace(name: str, transaction: str) -> None:
    """Send one transaction to namespace ``name``: all of it takes effect, or nothing.

    :raises FirewallError: with what nft said
    """
    namespace.inside(name, lambda: _run(transaction))


def mark(name: str) -> Mark | None:
    """What the table in force says it is, None when there is no table of ours."""
    try:
        # One set only: for anything else nft reads the elements of all sets first.
        listing = namespace.inside(name, lambda: _run(f"list set inet {TABLE} {MARK_SET}"))
    except FirewallError as error:
        if error.message != _REFUSED or _ABSENT not in error.details:
            raise
        return None
    return Mark.find(listing)


def totals(name: str) -> Totals:
    """What the table in force has counted."""

    def read() -> tuple[str, str]:
        counters = _run(f"list counters table inet {TABLE}", as_json=True)
        return counters, _run(f"list set inet {TABLE} listen", as_json=True)

    counters, listen = namespace.inside(name, read)
    named = {item["name"]: _count(item) for item in _items(counters, "counter")}
    elements = (e for item in _items(listen, "set") for e in item.get("elem", ()))
    return Totals(named=named, refused=dict(map(_refused, elements)))


def listing(name: str) -> str:
    """The table in force as nft prints it."""
    return namespace.inside(name, lambda: _run(f"list table inet {TABLE}"))


def _run(command: str, *, as_json: bool = False) -> str:
    # The netlink socket belongs to the namespace in which this object is made.
    try:
        nft = nftables.Nftables()
    except OSError as problem:
        raise FirewallError("libnftables cannot be loaded", str(problem)) from problem
    nft.set_json_output(as_json)
    code, output, error = nft.cmd(command)
    if code != 0:
        raise FirewallError(_REFUSED, str(error).strip()[:1000])
    return str(output)


def _items(output: str, kind: str) -> Iterator[Mapping[str, Any]]:
    for item in json.loads(output)["nftables"]:
        if kind in item:
            yield item[kind]


def _refused(element: Mapping[str, Any]) -> tuple[tuple[str, int], Count]:
    protocol, port = element["elem"]["val"]["concat"]
    return (_PROTOCOLS.get(protocol, protocol), port), _count(element["elem"]["counter"])


def _count(item: Mapping[str, Any]) -> Count:
    return Count(packets=item["packets"], bytes=item["bytes"])
