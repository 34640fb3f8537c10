"""The NICs of a compute host: its PFs, and the VFs each of them offers.

A host's file in ``/run/demo/hosts`` (JSON: PF name to what differs) changes them while the host
runs; nova-compute then looks at its devices again, as its periodic task would.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from tests.demo.settings import LIVE, PFS, Pf

CONTROL = LIVE / "hosts"
VENDOR, PF_PRODUCT, VF_PRODUCT = "15b3", "1017", "1018"


def functions(host: str) -> tuple[Pf, ...]:
    """The PFs of a host as they are now."""
    try:
        changes = json.loads((CONTROL / f"{host}.json").read_text())
    except FileNotFoundError:
        changes = {}
    return tuple(dataclasses.replace(pf, **changes.get(pf.name, {})) for pf in PFS)


def devices(host: str) -> list[dict[str, Any]]:
    """All PFs and VFs of a host, as Nova's PCI tracker wants them."""
    found = []
    for pf in functions(host):
        found.append(physical_function(pf))
        found += [virtual_function(pf, number) for number in range(pf.vfs)]
    return found


def physical_function(pf: Pf) -> dict[str, Any]:
    """A PF."""
    return {
        "address": pf.address,
        "vendor_id": VENDOR,
        "product_id": PF_PRODUCT,
        "status": "available",
        "dev_type": "type-PF",
        "parent_addr": None,
        "numa_node": None,
        "label": f"label_{VENDOR}_{PF_PRODUCT}",
    }


def virtual_function(pf: Pf, number: int) -> dict[str, Any]:
    """A VF, at the address it would have on a ConnectX-5.

    Nova's libvirt driver reads the network capabilities from the VF's netdev; one that the card's
    switch forwards for (``switchdev``) is bound by Open vSwitch instead of the SR-IOV driver.
    """
    slot, function = divmod(number + 2, 8)
    capabilities: dict[str, Any] = {"sriov": {"pf_mac_address": pf.mac, "vf_num": number}}
    if pf.switchdev:
        capabilities["network"] = ["switchdev"]
    return {
        "address": f"{pf.address[:8]}{slot:02x}.{function}",
        "vendor_id": VENDOR,
        "product_id": VF_PRODUCT,
        "status": "available",
        "dev_type": "type-VF",
        "parent_addr": pf.address,
        "parent_ifname": pf.name,
        "numa_node": None,
        "label": f"label_{VENDOR}_{VF_PRODUCT}",
        "capabilities": capabilities,
    }
