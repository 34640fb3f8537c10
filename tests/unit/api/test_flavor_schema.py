from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from octavia.api.drivers.amphora_driver import flavor_schema as stock
from octavia_lib.api.drivers.exceptions import UnsupportedOptionError

from sriov_provider import vnic
from sriov_provider.api import flavor_schema

ETC = Path(__file__).parents[3] / "etc"


def _refusal(values: Any, zone: bool = False) -> str:
    check = flavor_schema.check_availability_zone if zone else flavor_schema.check_flavor
    with pytest.raises(UnsupportedOptionError) as caught:
        check(values)
    assert caught.value.operator_fault_string
    return str(caught.value.user_fault_string)


def test_every_key_is_described() -> None:
    for schema in (flavor_schema.FLAVOR, flavor_schema.AVAILABILITY_ZONE):
        described = flavor_schema.descriptions(schema)
        assert set(described) == set(schema["properties"])
        assert all(text.endswith(".") for text in described.values())


def test_the_keys_of_the_stock_provider_are_there() -> None:
    assert set(stock.SUPPORTED_FLAVOR_SCHEMA["properties"]) <= set(
        flavor_schema.FLAVOR["properties"]
    )


@pytest.mark.parametrize("path", sorted(ETC.glob("flavor-profile*.json")), ids=lambda p: p.name)
def test_the_shipped_profiles_are_taken(path: Path) -> None:
    profile = json.loads(path.read_text())
    assert profile["provider_name"] == "sriov"
    flavor_schema.check_flavor(profile["flavor_data"])


def test_there_are_shipped_profiles() -> None:
    assert len(list(ETC.glob("flavor-profile*.json"))) >= 2


@pytest.mark.parametrize(
    "values",
    [
        {},
        {
            "compute_flavor": "amphora",
            "amp_image_tag": "amphora-sriov",
            "loadbalancer_topology": "SINGLE",
            "sriov_vip": True,
            "vip_vnic_type": "direct",
            "allow_member_sriov": True,
            "member_vnic_type": "direct",
            "vip_attach": "hotplug",
            "amphora_firewall": "always",
            "anti_affinity": "soft",
            "failover_strategy": "release_first",
        },
    ],
)
def test_taken(values: dict[str, Any]) -> None:
    flavor_schema.check_flavor(values)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            {"sriov_vip": "yes"},
            "Flavor key 'sriov_vip' is 'yes'; allowed: true or false.",
        ),
        (
            {"compute_flavor": 3},
            "Flavor key 'compute_flavor' is 3; allowed: a text.",
        ),
        (
            {"anti_affinity": "maybe"},
            "Flavor key 'anti_affinity' is 'maybe'; allowed: strict, soft, off.",
        ),
        (
            {"sriov_vip": True, "vip_vnic_type": "direct-physical"},
            "Flavor key 'vip_vnic_type' is 'direct-physical', but it takes a whole PF for one "
            "port, whose MAC address Neutron cannot set, and nobody keeps its traffic apart. "
            "Allowed: direct, macvtap, remote-managed, vdpa, virtio-forwarder.",
        ),
        (
            {"sriov_vip": True, "vip_vnic_type": "normal"},
            "Flavor key 'vip_vnic_type' is 'normal'; allowed: direct, macvtap, remote-managed, "
            "vdpa, virtio-forwarder.",
        ),
        (
            {"allow_member_sriov": True, "member_vnic_type": ["direct"]},
            "Flavor key 'member_vnic_type' is ['direct']; allowed: direct, macvtap, "
            "remote-managed, vdpa, virtio-forwarder.",
        ),
        (
            {
                "sriov_vip": True,
                "vip_vnic_type": "virtio-forwarder",
                "vip_attach": "hotplug",
            },
            "Flavor key 'vip_attach' is 'hotplug', but 'vip_vnic_type' is 'virtio-forwarder', "
            "which cannot be plugged into a running amphora. Allowed: boot, or no 'vip_attach'.",
        ),
        (
            {
                "allow_member_sriov": True,
                "member_vnic_type": "virtio-forwarder",
                "vip_attach": "hotplug",
            },
            "Flavor key 'vip_attach' is 'hotplug', but 'member_vnic_type' is 'virtio-forwarder', "
            "which cannot be plugged into a running amphora. Allowed: boot, or no 'vip_attach'.",
        ),
        (
            {"vip_vnic_type": "direct"},
            "Flavor key 'vip_vnic_type' is only allowed together with 'sriov_vip': true.",
        ),
        (
            {"member_vnic_type": "direct", "allow_member_sriov": False},
            "Flavor key 'member_vnic_type' is only allowed together with "
            "'allow_member_sriov': true.",
        ),
        (
            {"loadbalancer_topology": "ACTIVE_ACTIVE"},
            "Flavor key 'loadbalancer_topology' is 'ACTIVE_ACTIVE'; allowed: SINGLE, "
            "ACTIVE_STANDBY.",
        ),
        ([], "Flavor metadata is []; it must be a JSON object."),
    ],
)
def test_refused(values: Any, sentence: str) -> None:
    assert _refusal(values) == sentence


def test_an_unknown_key_lists_the_known_ones() -> None:
    sentence = _refusal({"sriov-vip": True})
    assert sentence.startswith("Flavor key 'sriov-vip' (value True) is not known. Known: ")
    assert all(key in sentence for key in flavor_schema.FLAVOR["properties"])


def test_only_kinds_that_take_a_vf_are_offered() -> None:
    offered = flavor_schema.FLAVOR["properties"]["vip_vnic_type"]["enum"]
    assert all(vnic.KINDS[kind].takes_vf for kind in offered)
    assert "direct" in offered


@pytest.mark.parametrize("key", ["vip_vnic_type", "member_vnic_type"])
@pytest.mark.parametrize("kind", sorted(vnic.KINDS))
def test_every_kind_that_takes_a_vf_is_taken(key: str, kind: str) -> None:
    values = {"sriov_vip": True, "allow_member_sriov": True, key: kind}
    if not vnic.KINDS[kind].takes_vf:
        assert "allowed: direct" in _refusal(values)
        return
    flavor_schema.check_flavor(values)
    flavor_schema.check_flavor(values | {"vip_attach": "boot"})


@pytest.mark.parametrize("kind", sorted(vnic.REFUSED))
def test_kinds_nobody_can_be_served_with_are_refused_with_their_reason(kind: str) -> None:
    for key in ("vip_vnic_type", "member_vnic_type"):
        sentence = _refusal({"sriov_vip": True, "allow_member_sriov": True, key: kind})
        assert sentence.startswith(f"Flavor key '{key}' is '{kind}', but {vnic.REFUSED[kind]}.")


def test_availability_zones() -> None:
    flavor_schema.check_availability_zone(
        {"compute_zone": "z", "management_network": "n", "valid_vip_networks": ["a", "b"]}
    )
    assert "boot from an image, never from a volume" in _refusal({"volume_zone": "v"}, zone=True)
    assert _refusal({"valid_vip_networks": "a"}, zone=True) == (
        "Availability zone key 'valid_vip_networks' is 'a'; allowed: a list of texts."
    )
    assert _refusal({"zone": "a"}, zone=True).startswith(
        "Availability zone key 'zone' (value 'a') is not known."
    )
