"""What a flavor and an availability zone may say, with a sentence for everything refused. Pure.

Only the values themselves are judged. Whether the compute flavor or the image exists in the cloud
is asked by :mod:`sriov_provider.api.preflight`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jsonschema

from sriov_provider import vnic
from sriov_provider.api.refusal import unsupported

SINGLE = "SINGLE"
ACTIVE_STANDBY = "ACTIVE_STANDBY"
TOPOLOGIES = (SINGLE, ACTIVE_STANDBY)
HOTPLUG = "hotplug"

_KINDS = list(vnic.VF_KINDS)
_BOOT_ONLY = "An amphora is booted with these instead of plugging them in: " + (
    ", ".join(k for k in _KINDS if vnic.KINDS[k].boot_only) + "."
)
_DRAFT = "http://json-schema.org/draft-07/schema#"

FLAVOR: Mapping[str, Any] = {
    "$schema": _DRAFT,
    "title": "Flavor metadata of the SR-IOV provider",
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "loadbalancer_topology": {
            "type": "string",
            "enum": list(TOPOLOGIES),
            "description": "SINGLE - one amphora per load balancer. ACTIVE_STANDBY - two amphorae "
            "per load balancer: one serves, the other takes over when it fails.",
        },
        "compute_flavor": {
            "type": "string",
            "minLength": 1,
            "description": "The id of the compute flavor amphorae are booted with.",
        },
        "amp_image_tag": {
            "type": "string",
            "minLength": 1,
            "description": "The tag of the amphora image.",
        },
        "sriov_vip": {
            "type": "boolean",
            "description": "When true, the VIP is served from an SR-IOV VF.",
        },
        "allow_member_sriov": {
            "type": "boolean",
            "description": "When true, users may ask for an SR-IOV VF on the network of a member "
            "when they create the member.",
        },
        "vip_vnic_type": {
            "type": "string",
            "enum": _KINDS,
            "description": "The vnic_type of the VIP's VF; only with sriov_vip. Default: direct. "
            + _BOOT_ONLY,
        },
        "member_vnic_type": {
            "type": "string",
            "enum": _KINDS,
            "description": "The vnic_type of the members' VFs; only with allow_member_sriov. "
            "Default: direct. " + _BOOT_ONLY,
        },
        "vip_attach": {
            "type": "string",
            "enum": [HOTPLUG, "boot"],
            "description": "hotplug - the VIP port is plugged into the running amphora (default). "
            "boot - the amphora is booted with it, on a host that Nova finds a free VF on.",
        },
        "amphora_firewall": {
            "type": "string",
            "enum": ["auto", "always"],
            "description": "auto - the amphora filters the ports that Neutron does not filter "
            "(default). always - the amphora filters all of its VIP and member ports.",
        },
        "anti_affinity": {
            "type": "string",
            "enum": ["strict", "soft", "off"],
            "description": "Whether the amphorae of a load balancer must (strict), should (soft) "
            "or need not (off) run on different hosts. Default: as in octavia.conf.",
        },
        "failover_strategy": {
            "type": "string",
            "enum": ["build_first", "release_first"],
            "description": "build_first - the new amphora is built before the old one is given up. "
            "release_first - the old one is given up first, so that its VFs are free. Default: "
            "build_first, but release_first for what is dead while its peer serves, for pairs "
            "whose amphorae must run on different hosts, and for pairs without a spare VF.",
        },
    },
}

AVAILABILITY_ZONE: Mapping[str, Any] = {
    "$schema": _DRAFT,
    "title": "Availability zone metadata of the SR-IOV provider",
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "compute_zone": {
            "type": "string",
            "description": "The compute availability zone amphorae are booted in.",
        },
        "management_network": {
            "type": "string",
            "description": "The id of the management network of the amphorae.",
        },
        "valid_vip_networks": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Ids of the networks a VIP may be on. Replaces the list of allowed "
            "networks in octavia.conf.",
        },
    },
}

_NEEDS = {"vip_vnic_type": "sriov_vip", "member_vnic_type": "allow_member_sriov"}
_TYPES = {"boolean": "true or false", "string": "a text", "array": "a list of texts"}


def descriptions(schema: Mapping[str, Any]) -> dict[str, str]:
    """Key and description, as the API shows them."""
    return {k: v["description"] for k, v in schema["properties"].items()}


def check_flavor(values: Mapping[str, Any]) -> None:
    """:raises UnsupportedOptionError: naming the key, its value and what is allowed"""
    if isinstance(values, Mapping):
        _check_known_kinds(values)
    _check(FLAVOR, "Flavor", values)
    for key, needed in _NEEDS.items():
        if key in values and not values.get(needed):
            raise unsupported(f"Flavor key '{key}' is only allowed together with '{needed}': true.")
        _check_plug(key, values)


def _check_known_kinds(values: Mapping[str, Any]) -> None:
    """Kinds of Neutron that no load balancer can be served with, each with its reason."""
    for key in _NEEDS:
        why = vnic.REFUSED.get(str(values.get(key)))
        if why:
            raise unsupported(
                f"Flavor key '{key}' is '{values[key]}', but {why}. Allowed: {', '.join(_KINDS)}."
            )


def _check_plug(key: str, values: Mapping[str, Any]) -> None:
    """Without the key ``vip_attach`` a kind that cannot be plugged in is simply booted with."""
    kind = values.get(key)
    if kind and vnic.KINDS[kind].boot_only and values.get("vip_attach") == HOTPLUG:
        raise unsupported(
            f"Flavor key 'vip_attach' is '{HOTPLUG}', but '{key}' is '{kind}', which cannot be "
            "plugged into a running amphora. Allowed: boot, or no 'vip_attach'."
        )


def check_availability_zone(values: Mapping[str, Any]) -> None:
    """:raises UnsupportedOptionError: naming the key, its value and what is allowed"""
    if "volume_zone" in values:
        raise unsupported(
            f"Availability zone key 'volume_zone' is {values['volume_zone']!r}, but this provider "
            "does not support it: its amphorae boot from an image, never from a volume."
        )
    _check(AVAILABILITY_ZONE, "Availability zone", values)


def _check(schema: Mapping[str, Any], what: str, values: Mapping[str, Any]) -> None:
    error = jsonschema.exceptions.best_match(jsonschema.Draft7Validator(schema).iter_errors(values))
    if error is not None:
        raise unsupported(_sentence(schema, what, values, error), str(error))


def _sentence(schema: Mapping[str, Any], what: str, values: Any, error: Any) -> str:
    known = schema["properties"]
    if not error.absolute_path:
        unknown = sorted(set(values) - set(known)) if isinstance(values, Mapping) else []
        if unknown:
            return (
                f"{what} key '{unknown[0]}' (value {values[unknown[0]]!r}) is not known. "
                f"Known: {', '.join(sorted(known))}."
            )
        return f"{what} metadata is {values!r}; it must be a JSON object."
    key = str(error.absolute_path[0])
    return f"{what} key '{key}' is {values[key]!r}; allowed: {_allowed(known[key])}."


def _allowed(rule: Mapping[str, Any]) -> str:
    return ", ".join(rule["enum"]) if "enum" in rule else _TYPES[rule["type"]]
