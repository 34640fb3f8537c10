"""What a load balancer looks like to anybody but its ids: equal for equal end states."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from sriov_provider.db import reasons
from sriov_provider.records import AmphoraRecord, Inventory, PortRecord
from tests.demo.amphorae import Amphora
from tests.demo.report import DemoFailure, wait_for
from tests.matrix.stage import HALVES, PORT, SECOND_PORT, Stage

Shape = dict[str, Any]
GONE: Shape = {"Octavia": "gone", "tables": {}}
_COUNTED = ("packets", "bytes", "handle", "index")
_FILES = {
    "haproxy": "/var/lib/octavia/{}/haproxy.cfg",
    "keepalived": "/var/lib/octavia/vrrp/octavia-keepalived.conf",
}


def shape(stage: Stage, balancer_id: str) -> Shape:
    """Octavia, our tables, Neutron, Nova, the insides of the amphorae and packets."""
    tree = stage.statuses(balancer_id)
    held = stage.inventory(balancer_id)
    if tree is None:
        return {"Octavia": "gone", "tables": {k: v for k, v in _tables(stage, held).items() if v}}
    balancer = stage.octavia.get_load_balancer(balancer_id)
    names = symbols(tree, held, str(balancer.vip_address))
    return {
        "Octavia": sorted(octavia(tree)),
        "tables": substituted(_tables(stage, held), names),
        "Neutron": substituted([_port(stage, p) for p in held.ports], names),
        "Nova": [_server(stage, a) for a in held.amphorae],
        "amphorae": {a.role: _inside(stage, a, balancer_id, names) for a in held.amphorae},
        "packets": _packets(stage, balancer),
    }


def octavia(tree: Mapping[str, Any], kind: str = "loadbalancer") -> Iterable[str]:
    """``listener http ACTIVE`` for each object of Octavia's tree."""
    name = tree.get("name") or tree.get("address") or ""
    name = "" if kind == "loadbalancer" else name
    yield f"{kind} {name} {tree['provisioning_status']}"
    for key, found in tree.items():
        for child in found if isinstance(found, list) else ():
            yield from octavia(child, key.removesuffix("s"))


def symbols(tree: Mapping[str, Any], held: Inventory, vip: str) -> dict[str, str]:
    """What each id and address stands for."""
    # keepalived's names have no dashes
    names = {str(tree["id"]): "LB", str(tree["id"]).replace("-", ""): "LB", vip: "VIP"}
    names |= dict(_named(tree))
    role = {a.id: a.role for a in held.amphorae}
    for amphora in held.amphorae:
        names[amphora.id] = f"AMPHORA-{amphora.role}"
        names[amphora.compute_id or ""] = f"SERVER-{amphora.role}"
        names[amphora.management_ip or ""] = f"MANAGEMENT-{amphora.role}"
    for port in held.ports:
        label = f"{port.role.value}-{role.get(port.amphora_id, 'nobody')}"
        names |= {port.id: f"ROW-{label}", port.neutron_id or "": f"PORT-{label}"}
        names[port.mac or ""] = f"MAC-{label}"
        names |= {address: f"ADDRESS-{label}" for _, address in port.addresses}
    names |= dict.fromkeys(HALVES, "HALF")
    return {key: value for key, value in names.items() if key}


def _named(tree: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for key, found in tree.items():
        for child in found if isinstance(found, list) else ():
            yield str(child["id"]), f"{key}-{child.get('name')}"
            yield from _named(child)


def substituted(value: Any, names: Mapping[str, str]) -> Any:
    """A JSON value or text with symbols in place of ids and addresses; lists in one order."""
    if isinstance(value, str):
        keys = sorted(names, key=len, reverse=True)
        pattern = rf"(?<![\w-])(?<!\d\.)({'|'.join(map(re.escape, keys))})(?![\w-]|\.\d)"
        return re.sub(pattern, lambda found: names[found[1]], value)
    if isinstance(value, Mapping):
        return {substituted(str(k), names): substituted(v, names) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return sorted((substituted(v, names) for v in value), key=_text)
    return value


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _tables(stage: Stage, held: Inventory) -> Shape:
    amphorae = [
        (a.role, a.state.value, bool(a.firewall_digest), a.firewall_document) for a in held.amphorae
    ]
    ports = [
        (p.role.value, p.vnic_type, p.state.value, p.filter.value, p.vif_type) for p in held.ports
    ]
    balancer = held.load_balancer
    told = stage.sessions.read(lambda s: reasons.objects(s, balancer.id)) if balancer else ()
    return {
        "amphorae": amphorae,
        "ports": ports,
        "members": [(m.address, m.vnic_type, m.failed) for m in held.members],
        "groups": [bool(balancer.security_group_id), bool(balancer.server_group_id)]
        if balancer
        else [],
        "reasons": [(kind.value, key) for kind, key in told],
    }


def _port(stage: Stage, record: PortRecord) -> Shape:
    port = stage.api.network.get_port(record.neutron_id)
    return {
        "device": port.device_id,
        "kind": f"{port.binding_vnic_type} {port.binding_vif_type}",
        "slot": bool((port.binding_profile or {}).get("pci_slot")),
        "addresses": len(port.fixed_ips),
        "pairs": [pair["ip_address"] for pair in port.allowed_address_pairs],
    }


def _server(stage: Stage, record: AmphoraRecord) -> str:
    server = stage.api.compute.get_server(record.compute_id)
    plugged = list(stage.api.compute.server_interfaces(server.id))
    return f"{record.role} {server.status} {len(plugged)} interfaces"


def _inside(stage: Stage, record: AmphoraRecord, lb: str, names: Mapping[str, str]) -> Shape:
    """Rules in force and the services' configuration files."""
    inside = Amphora(stage.api.compute.get_server(record.compute_id), ())
    links = json.loads(inside.run("ip", "-j", "link", "show"))
    names = {**names, **{i["ifname"]: names.get(i["address"], i["ifname"]) for i in links}}
    rules = json.loads(inside.run("nft", "-j", "list", "ruleset"))["nftables"]
    found: Shape = {"nft": substituted(_counted_out(rules), names)}
    for key, path in _FILES.items():
        try:
            text = inside.run("cat", path.format(lb))
        except DemoFailure:
            continue
        masked = re.sub(r"(auth_pass|peer) \S+", r"\1 *", text)
        masked = re.sub(r"\S+_peers", "peers", masked)
        found[key] = [substituted(line.strip(), names) for line in masked.splitlines()]
    return found


def _counted_out(value: Any) -> Any:
    """Without what differs from one moment to the next."""
    if isinstance(value, Mapping):
        return {k: _counted_out(v) for k, v in value.items() if k not in _COUNTED}
    return [_counted_out(v) for v in value] if isinstance(value, list) else value


def _packets(stage: Stage, balancer: Any) -> Shape:
    """Who answers at which port: everybody in turn."""
    found = {}
    for listener in stage.octavia.listeners(load_balancer_id=balancer.id):
        high = not listener.allowed_cidrs or any(
            c.startswith(HALVES[1]) for c in listener.allowed_cidrs
        )
        client = stage.hosts["mx-high" if high else "mx-low"]
        url = f"http://{balancer.vip_address}:{listener.protocol_port}/"
        assert listener.protocol_port in (PORT, SECOND_PORT)
        wait_for(f"an answer from {url}", lambda c=client, u=url: c.get(u, 2), 15, 0.3)
        found[listener.name] = sorted({client.get(url) or "nothing" for _ in range(4)})
    return found


def differences(wanted: Any, seen: Any, where: str = "") -> list[str]:
    """Where two shapes differ, in words."""
    if isinstance(wanted, Mapping) and isinstance(seen, Mapping):
        keys = dict.fromkeys((*wanted, *seen))
        return [d for k in keys for d in differences(wanted.get(k), seen.get(k), f"{where}/{k}")]
    if isinstance(wanted, list) and isinstance(seen, list):
        here, there = list(map(_text, wanted)), list(map(_text, seen))
        missing = [f"{where}: missing {x[:300]}" for x in here if here.count(x) > there.count(x)]
        return missing + [
            f"{where}: new {x[:300]}" for x in there if there.count(x) > here.count(x)
        ]
    return [] if _text(wanted) == _text(seen) else [f"{where}: {wanted!r} became {seen!r}"]
