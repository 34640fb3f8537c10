from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sriov_provider.capacity import failovers, report, totals
from sriov_provider.capacity.model import Failover, Inside, Need, Outside, Row, Verdict
from sriov_provider.records import PortRole, PortState
from tests.unit.capacity.parts import holding, outside

TWO = (holding(1), holding(2, role=PortRole.MEMBER))


def judged(stated: list[str], inside: Inside, seen: Outside | None = None) -> Failover:
    found = report.make(inside, seen or outside(), totals.parse(stated))
    [one] = found.failovers
    return one


@pytest.mark.parametrize(
    ("stated", "first", "verdict", "hosts"),
    [
        # all on one host, also the one that has them now, while the old ones are still taken
        (["physnet1:4"], False, Verdict.POSSIBLE, ("compute1", "compute2")),
        (["physnet1:3"], False, Verdict.POSSIBLE, ("compute2",)),
        (["compute1/physnet1:3", "compute2/physnet1:1"], False, Verdict.IMPOSSIBLE, ()),
        # released first they are free again where they are
        (["compute1/physnet1:2", "compute2/physnet1:1"], True, Verdict.POSSIBLE, ("compute1",)),
        # one free here and one there are of no use
        (["compute1/physnet1:3", "compute2/physnet1:1"], True, Verdict.POSSIBLE, ("compute1",)),
        # a host nobody stated a number for may have them, one that has too few has not
        (["compute1/physnet1:3"], False, Verdict.UNKNOWN, ()),
    ],
)
def test_all_on_one_host(
    stated: list[str], first: bool, verdict: Verdict, hosts: tuple[str, ...]
) -> None:
    inside = Inside(TWO, release_first=frozenset({"lb1"}) if first else frozenset())
    found = judged(stated, inside)
    assert (found.verdict, found.hosts, found.release_first) == (verdict, hosts, first)
    assert bool(found.why) == (verdict is not Verdict.POSSIBLE)


def test_two_physical_networks_have_to_be_on_the_same_host() -> None:
    inside = Inside((holding(1, host="compute2"), holding(2, network_id="net2", host="compute2")))
    assert judged(["physnet1:8", "physnet2:8"], inside).hosts == ("compute2",)
    found = judged(["physnet1:8", "physnet2:0"], inside)
    assert found.verdict is Verdict.IMPOSSIBLE
    assert found.why == "No host has 1 VF of physnet1 and 1 VF of physnet2 free."


def test_a_host_that_is_down_takes_no_failover() -> None:
    seen = outside(hosts_down={"compute2": "its nova-compute is down"})
    found = judged(["physnet1:3"], Inside(TWO), seen)
    assert (found.verdict, found.why) == (Verdict.IMPOSSIBLE, "No host has 2 VFs of physnet1 free.")


def test_hosts_nobody_told_about_may_have_room() -> None:
    found = judged(["physnet1:2"], Inside(TWO), outside(mapped=None))
    assert found.verdict is Verdict.UNKNOWN
    assert "physnet1" in found.why


def test_a_network_that_cannot_be_seen_leaves_it_open() -> None:
    found = judged(["physnet1:8"], Inside(TWO), outside(physnets={}))
    assert found.verdict is Verdict.UNKNOWN


def test_only_what_is_to_be_there_again_counts() -> None:
    ours = (
        *TWO,
        holding(3, state=PortState.RELEASING),
        holding(4, state=PortState.LEAKED, load_balancer_id="gone"),
        holding(5, amphora_id="old"),
    )
    [need] = judged(["physnet1:8"], Inside(ours, leaving=frozenset({"old"}))).needs
    assert need == Need("amphora-of-lb1", "compute1", {"physnet1": 2})


def test_a_pair_is_as_bad_as_its_worse_amphora() -> None:
    ours = (holding(1, amphora_id="a"), *(holding(n, amphora_id="b") for n in (2, 3, 4)))
    found = judged(["physnet1:6"], Inside(ours))
    assert (found.verdict, found.hosts) == (Verdict.POSSIBLE, ("compute2",))
    assert judged(["physnet1:2"], Inside(ours)).verdict is Verdict.IMPOSSIBLE


def test_counts_by_physical_network_and_of_all() -> None:
    ours = (holding(1), holding(2, load_balancer_id="lb2", network_id="net2", host="compute2"))
    found = report.make(Inside(ours), outside(), totals.parse(["physnet1:8", "physnet2:1"]))
    assert report.count(found) == {
        Verdict.POSSIBLE: 1,
        Verdict.IMPOSSIBLE: 1,
        Verdict.UNKNOWN: 0,
    }
    assert report.count(found, "physnet2")[Verdict.IMPOSSIBLE] == 1
    assert report.count(found, "physnet1")[Verdict.IMPOSSIBLE] == 0


HOSTS, NETS = ("h1", "h2", "h3"), ("p1", "p2")
NUMBER = st.integers(min_value=0, max_value=3)
FREE = st.dictionaries(st.tuples(st.sampled_from(NETS), st.sampled_from(HOSTS)), NUMBER)
NEED = st.builds(
    Need,
    st.just("amphora"),
    st.sampled_from((None, *HOSTS)),
    st.dictionaries(st.sampled_from(NETS), st.integers(1, 3), min_size=1),
)


def judge(free: dict[tuple[str, str], int | None], need: Need, first: bool) -> Failover:
    """One amphora against these free VFs; totals are large enough never to matter."""
    room: dict[tuple[str | None, str | None], Row] = {
        place: Row(*place, total=99, free=number) for place, number in free.items()
    }
    return failovers.of_load_balancer("lb", (need,), first, room, frozenset(NETS))


@given(FREE, NEED, st.booleans())
def test_as_counted_by_hand(free: dict[tuple[str, str], int], need: Need, first: bool) -> None:
    def fits(host: str) -> bool:
        own = 1 if first and need.host == host else 0
        return all(
            (p, host) in free and free[p, host] + own * n >= n for p, n in need.vfs.items() if p
        )

    found = judge(dict(free), need, first)
    assert found.hosts == tuple(host for host in HOSTS if fits(host))
    assert found.verdict is (Verdict.POSSIBLE if found.hosts else Verdict.IMPOSSIBLE)


@given(FREE, NEED, st.booleans(), st.sampled_from(HOSTS), st.sampled_from(NETS))
def test_one_more_free_vf_never_hurts(
    free: dict[tuple[str, str], int], need: Need, first: bool, host: str, net: str
) -> None:
    more = {**free, (net, host): free.get((net, host), 0) + 1}
    assert set(judge(dict(free), need, first).hosts) <= set(judge(dict(more), need, first).hosts)


@given(FREE, NEED)
def test_releasing_first_never_hurts(free: dict[tuple[str, str], int], need: Need) -> None:
    assert set(judge(dict(free), need, False).hosts) <= set(judge(dict(free), need, True).hosts)


@given(FREE, NEED, st.booleans(), st.sets(st.tuples(st.sampled_from(NETS), st.sampled_from(HOSTS))))
def test_what_is_said_without_knowing_all_holds_when_all_is_known(
    free: dict[tuple[str, str], int], need: Need, first: bool, hidden: set[tuple[str, str]]
) -> None:
    partly = {place: None if place in hidden else number for place, number in free.items()}
    told = judge(partly, need, first).verdict
    assert told in (Verdict.UNKNOWN, judge(dict(free), need, first).verdict)


@given(
    st.lists(st.tuples(st.sampled_from(HOSTS), st.booleans()), max_size=8), NUMBER, st.booleans()
)
def test_from_rows_to_verdict(ports: list[tuple[str, bool]], stated: int, first: bool) -> None:
    """Whatever is held, a failover that is possible has a host with that many VFs not taken."""
    ours = tuple(
        holding(n, host=host, load_balancer_id=f"lb-{host}")
        for n, (host, mine) in enumerate(ports)
        if mine
    )
    theirs = [(f"x{n}", host, "physnet1") for n, (host, mine) in enumerate(ports) if not mine]
    mapped = {host: frozenset({"physnet1"}) for host in HOSTS}
    firsts = frozenset(h.load_balancer_id for h in ours) if first else frozenset()
    inside = Inside(ours, release_first=firsts)
    found = report.make(
        inside, outside(*theirs, mapped=mapped), totals.parse([f"physnet1:{stated}"])
    )
    for failover in found.failovers:
        [need] = failover.needs
        for host in failover.hosts:
            taken = sum(h == host for h, _ in ports)
            own = need.vfs["physnet1"] if first and host == need.host else 0
            assert max(stated - taken, 0) + own >= need.vfs["physnet1"]
