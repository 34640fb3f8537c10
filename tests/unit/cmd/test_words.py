from __future__ import annotations

import dataclasses

import pytest

from sriov_provider.cmd import explain, words
from sriov_provider.cmd.explain import State
from sriov_provider.records import (
    Action,
    AmphoraRecord,
    AmphoraState,
    Inventory,
    Job,
    LoadBalancerRecord,
    ObjectType,
    PortRecord,
    PortRole,
    PortState,
)
from sriov_provider.vnic import Filter

PORT = PortRecord(
    *("row", "lb", "amp", "net", PortRole.VIP, "direct", PortState.ATTACHED, "port-id"),
    filter=Filter.AMPHORA,
    addresses=(("s", "192.0.2.7"), ("s6", "2001:db8::7")),
    vif_type="hw_veb",
    pci_slot="0000:81:01.0",
)
JOB = Job("job1", "lb", Action.CREATE, ObjectType.LOADBALANCER, "lb", attempt=1)


@pytest.mark.parametrize(
    ("who", "firewall", "said"),
    [
        (Filter.AMPHORA, "auto", "amphora"),
        (Filter.NEUTRON, "auto", "neutron"),
        (Filter.NEUTRON, "always", "neutron and amphora"),
        (Filter.UNKNOWN, "always", "nobody yet: all is dropped"),
    ],
)
def test_who_filters(who: Filter, firewall: str, said: str) -> None:
    port = dataclasses.replace(PORT, filter=who)
    assert words.filtered_by(port, {"amphora_firewall": firewall}) == said


def page(port: PortRecord, job: Job, flavor: dict[str, str]) -> dict[str, str]:
    """Human-readable fields of the page."""
    lb = LoadBalancerRecord("lb", "p", "192.0.2.1", "v", "s", "net", flavor=flavor)
    shown = explain.columns("lb", State(Inventory(lb, ports=(port,)), (job,), (), 0))
    return {k: shown[k].human_readable().replace("\n ", "") for k in ("ports", "jobs")}


def test_what_a_port_became_and_who_filters_it() -> None:
    assert page(PORT, JOB, {})["ports"] == (
        "vip port attached: direct, bound as hw_veb, filtered by amphora; 192.0.2.7, 2001:db8::7; "
        "id=row amphora_id=amp network_id=net neutron_id=port-id pci_slot=0000:81:01.0"
    )
    offloaded = dataclasses.replace(PORT, vif_type="ovs", filter=Filter.NEUTRON)
    told = page(offloaded, JOB, {"amphora_firewall": "always"})["ports"]
    assert "direct, bound as ovs, filtered by neutron and amphora" in told


def test_a_port_that_is_not_there_yet() -> None:
    port = PortRecord("row", "lb", "amp", "net", PortRole.MEMBER, "vdpa")
    assert page(port, JOB, {})["ports"].startswith(
        "member port wanted: vdpa, binding not on record, filtered by nobody yet: all is dropped; "
        "no address; id=row"
    )


def test_where_a_job_found_no_vf() -> None:
    assert "no VF" not in page(PORT, JOB, {})["jobs"]
    job = dataclasses.replace(JOB, placement=1, hosts_tried=("compute1", "compute2"))
    told = page(PORT, job, {})["jobs"]
    assert told.endswith("; no VF on compute1, compute2, 1 way of placing the amphora tried")
    told = page(PORT, dataclasses.replace(JOB, placement=2), {})["jobs"]
    assert told.endswith("no VF on hosts Nova did not name, 2 ways of placing the amphora tried")


def test_machines_get_the_values() -> None:
    lb = LoadBalancerRecord("lb", "p", "192.0.2.1", "v", "s", "net")
    job = dataclasses.replace(JOB, placement=1, hosts_tried=("compute1",))
    shown = explain.columns("lb", State(Inventory(lb, ports=(PORT,)), (job,), (), 0))
    [port] = shown["ports"].machine_readable()
    assert (port["vnic_type"], port["vif_type"], port["filter"]) == ("direct", "hw_veb", "amphora")
    assert port["filtered_by"] == "amphora"
    [told] = shown["jobs"].machine_readable()
    assert (told["placement"], told["hosts_tried"]) == (1, ["compute1"])


def test_a_shared_host_and_missed_changes_are_told() -> None:
    one = AmphoraRecord("a", "lb", AmphoraState.READY, "MASTER", host="h1")
    other = AmphoraRecord("b", "lb", AmphoraState.STALE, "BACKUP", host="h1")
    assert list(words.warnings([one, other])) == [
        "amphorae a and b are both on host h1",
        "amphora b has missed changes, and is brought up to date by itself",
    ]
    going = dataclasses.replace(other, state=AmphoraState.RELEASING)
    elsewhere = dataclasses.replace(other, state=AmphoraState.READY, host="h2")
    nowhere = dataclasses.replace(one, host=None)
    for fine in ([one, going], [one, elsewhere], [nowhere, nowhere]):
        assert list(words.warnings(fine)) == []
