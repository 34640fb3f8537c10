"""What is there, to be compared before and after."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.demo.report import expect
from tests.demo.virt import links


@dataclass(frozen=True)
class Inventory:
    """Names by id of everything a load balancer may own."""

    kinds: dict[str, dict[str, str]]

    def beyond(self, before: Inventory) -> dict[str, dict[str, str]]:
        """What is here and was not there before."""
        new = {
            kind: {key: name for key, name in found.items() if key not in before.kinds[kind]}
            for kind, found in self.kinds.items()
        }
        return {kind: found for kind, found in new.items() if found}


def take(api: Any) -> Inventory:
    """Reads everything, of all projects."""
    return Inventory(
        {
            "port": {
                p.id: f"{p.name or p.device_owner} {p.mac_address}" for p in api.network.ports()
            },
            "server": {s.id: s.name for s in api.compute.servers(all_projects=True)},
            "server group": {g.id: g.name for g in api.compute.server_groups(all_projects=True)},
            # Neutron gives every project a group "default" of its own accord
            "security group": {
                g.id: g.name for g in api.network.security_groups() if g.name != "default"
            },
            "namespace": {name: name for name in namespaces()},
            "wire": {name: name for name in wires()},
        }
    )


def namespaces() -> list[str]:
    """Network namespaces with a name."""
    return [n["name"] for n in json.loads(links.run("ip", "-j", "netns", "list") or "[]")]


def wires() -> list[str]:
    """veth ends on the side of the hypervisor."""
    return [
        link["ifname"] for link in json.loads(links.run("ip", "-j", "link", "show", "type", "veth"))
    ]


def nothing_new(before: Inventory, after: Inventory) -> None:
    """Raises when *after* has anything which *before* had not."""
    new = after.beyond(before)
    expect(not new, f"left behind: {json.dumps(new, indent=2)}")
