from __future__ import annotations

from sriov_provider.capacity import totals


def test_a_host_of_its_own_wins_over_all_hosts() -> None:
    stated = totals.parse(["physnet1:8", "compute2/physnet1:16", "tunnelled:CUSTOM_PCI_15B3_1018"])
    assert stated.of("compute1", "physnet1") == 8
    assert stated.of("compute2", "physnet1") == 16
    assert stated.of("compute2", "tunnelled") == "CUSTOM_PCI_15B3_1018"
    assert stated.of("compute2", "physnet2") is None


def test_resource_classes_are_asked_for_once_each() -> None:
    entries = ["tunnelled:CUSTOM_A", "compute2/tunnelled:CUSTOM_B", "physnet1:8", "h/x:CUSTOM_A"]
    stated = totals.parse(entries)
    assert stated.resource_classes() == ("CUSTOM_A", "CUSTOM_B")
    assert stated.classes_by_physnet() == {"tunnelled": {"CUSTOM_A", "CUSTOM_B"}, "x": {"CUSTOM_A"}}


def test_nothing_is_stated_by_default() -> None:
    assert totals.parse(()).resource_classes() == ()
