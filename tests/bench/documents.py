"""The way of a rule document: computed by the worker, read, rendered and applied by the agent."""

from __future__ import annotations

import contextlib
import functools
import ipaddress
import json
import secrets
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

from amphora_agent_ext import kernel, model, render, schema
from sriov_provider import tree
from sriov_provider.firewall import document
from sriov_provider.vnic import Filter

SIZES = (10, 1_000, 10_000)
LISTENERS = 10
MAC = "fa:16:3e:00:00:01"
NAMES = {MAC: "eth1"}
INTERFACE = document.Interface(MAC, Filter.AMPHORA, ("198.51.100.5",), ("198.51.100.9",))


@functools.cache
def load_balancer(pairs: int) -> tree.LoadBalancer:
    """Ten listeners which share so many (port, CIDR) pairs."""
    networks = list(ipaddress.ip_network("10.0.0.0/8").subnets(new_prefix=24))
    each = pairs // LISTENERS
    # Every second network, so that no two of them can be written as one.
    cidrs = tuple(str(network) for network in networks[: 2 * each : 2])
    listeners = tuple(
        tree.Listener(id=f"listener-{n}", protocol="TCP", port=8000 + n, allowed_cidrs=cidrs)
        for n in range(LISTENERS)
    )
    return tree.LoadBalancer(
        "lb", "project", "198.51.100.5", "port", "subnet", "network", listeners=listeners
    )


@functools.cache
def body(pairs: int) -> Any:
    """The JSON the worker posts."""
    return json.loads(json.dumps(document.document(load_balancer(pairs), [INTERFACE])))


@functools.cache
def parsed(pairs: int) -> model.Document:
    return schema.parse(body(pairs))


@functools.cache
def transaction(pairs: int) -> str:
    return render.transaction(render.table(parsed(pairs), NAMES))


ROWS: dict[str, Callable[[int], object]] = {
    "worker computes the document": lambda n: document.document(load_balancer(n), [INTERFACE]),
    "agent validates it": lambda n: schema.parse(body(n)),
    "agent renders it": lambda n: render.table(parsed(n), NAMES),
}


@contextlib.contextmanager
def namespace() -> Iterator[str]:
    """The name of a network namespace that is gone afterwards."""
    name = f"bench-{secrets.token_hex(3)}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        yield name
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


def kernel_rows(name: str) -> dict[str, Callable[[int], object]]:
    """What needs the kernel."""

    @functools.cache
    def replaced(pairs: int) -> None:
        kernel.replace(name, transaction(pairs))

    def look(pairs: int) -> None:
        replaced(pairs)  # by the run that does not count
        kernel.fingerprint(name)

    return {
        "agent replaces the table": lambda n: kernel.replace(name, transaction(n)),
        "agent looks what is in force": look,
    }
