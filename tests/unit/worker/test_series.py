"""What firewalls counted, as series that only go up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sriov_provider.db.firewall_checks import Watched
from sriov_provider.firewall.counts import Count, Counters, ListenerCount
from sriov_provider.worker import series
from sriov_provider.worker.series import Detail, Sample, Sums

A, B = Watched("amp-a", "lb", "192.0.2.1"), Watched("amp-b", "lb", "192.0.2.2")
OTHER = Watched("amp-c", "lb-2", "192.0.2.3")


def counters(accepted: int, refused: int, listener: str = "l") -> Counters:
    both = ListenerCount(Count(accepted, accepted * 10), Count(refused, refused * 10))
    return Counters({"drop_refused": Count(refused, refused * 10)}, {listener: both})


def samples(*told: tuple[Watched, Counters]) -> list[Sample]:
    return [sample for watched, count in told for sample in series.of_counters(watched, count)]


def shown(found: list[Sample], name: str) -> dict[tuple[str, ...], int]:
    """Value by the labels' values."""
    return {tuple(v for _, v in s.labels): s.value for s in found if s.name == name}


def test_each_listener_and_reason_of_each_amphora() -> None:
    found = Sums(Detail.LISTENER).add(samples((A, counters(5, 1)), (B, counters(7, 0))))
    assert shown(found, "firewall_listener_packets") == {
        ("lb", "amp-a", "l", "accepted"): 5,
        ("lb", "amp-a", "l", "refused"): 1,
        ("lb", "amp-b", "l", "accepted"): 7,
        ("lb", "amp-b", "l", "refused"): 0,
    }
    assert shown(found, "firewall_listener_bytes")["lb", "amp-a", "l", "accepted"] == 50
    assert shown(found, "firewall_dropped_packets") == {
        ("lb", "amp-a", "refused"): 1,
        ("lb", "amp-b", "refused"): 0,
    }


def test_what_older_agents_do_not_count_is_left_out() -> None:
    old = Counters({}, {"l": ListenerCount(None, Count(3, 30))})
    found = list(series.of_counters(A, old))
    assert shown(found, "firewall_listener_packets") == {("lb", "amp-a", "l", "refused"): 3}


def test_an_agent_cannot_invent_series() -> None:
    named = {f"drop_{n}": Count(1, 2) for n in range(1000)} | {"pass_neutron": Count(9, 9)}
    found = shown(list(series.of_counters(A, Counters(named))), "firewall_dropped_packets")
    assert found == {("lb", "amp-a", "other_reason"): 1000}


def test_looks_and_repairs() -> None:
    watched = Watched("a", "lb", "x", drifts=3, vanished=2, repairs=1, repairs_failed=4)
    found = list(series.of_looks(watched))
    drifts = {("lb", "a", "rules"): 3, ("lb", "a", "interface"): 2}
    assert shown(found, "firewall_drifts") == drifts
    repairs = {("lb", "a", "done"): 1, ("lb", "a", "failed"): 4}
    assert shown(found, "firewall_repairs") == repairs


def test_sums_begin_at_zero_and_outlive_amphorae_and_resets() -> None:
    sums = Sums(Detail.TOTAL)
    name = "firewall_listener_packets"
    first = sums.add(samples((A, counters(1000, 0)), (OTHER, counters(500, 0))))
    assert shown(first, name) == {("accepted",): 0, ("refused",): 0}
    grown = sums.add(samples((A, counters(1010, 1)), (OTHER, counters(505, 0))))
    assert shown(grown, name) == {("accepted",): 15, ("refused",): 1}
    reset = sums.add(samples((A, counters(4, 0)), (OTHER, counters(505, 0))))
    assert shown(reset, name) == {("accepted",): 19, ("refused",): 1}
    replaced = sums.add(samples((B, counters(70, 0)), (OTHER, counters(506, 0))))
    assert shown(replaced, name)["accepted",] == 20
    assert shown(sums.add([]), name)["accepted",] == 20


def test_a_new_listener_counts_from_its_beginning() -> None:
    sums = Sums(Detail.LOAD_BALANCER)
    sums.add(samples((A, counters(100, 0))))
    both = Counters(listeners={**counters(100, 0).listeners, **counters(8, 0, "new").listeners})
    found = sums.add(samples((A, both)))
    assert shown(found, "firewall_listener_packets")["lb", "accepted"] == 8


def test_sums_of_a_load_balancer_go_with_it() -> None:
    sums = Sums(Detail.LOAD_BALANCER)
    sums.add(samples((A, counters(1, 0)), (OTHER, counters(1, 0))))
    found = sums.add(samples((OTHER, counters(5, 0))))
    assert set(shown(found, "firewall_listener_packets")) == {
        ("lb-2", "accepted"),
        ("lb-2", "refused"),
    }


TOLD = st.dictionaries(st.sampled_from([A, B, OTHER]), st.integers(0, 1000))


@given(st.lists(TOLD, max_size=12))
def test_the_sum_of_everything_never_goes_down(rounds: list[dict[Watched, int]]) -> None:
    sums, before = Sums(Detail.TOTAL), 0
    for told in rounds:
        found = sums.add(samples(*((w, counters(n, 0)) for w, n in told.items())))
        now = shown(found, "firewall_listener_packets").get(("accepted",), 0)
        assert now >= before
        before = now
