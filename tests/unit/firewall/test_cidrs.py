from __future__ import annotations

import ipaddress
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sriov_provider.firewall import cidrs
from tests.unit.firewall.scenes import within

STEP = 1 << 26
PROBES = [str(ipaddress.IPv4Address(i * STEP)) for i in range(64)] + [
    str(ipaddress.IPv6Address((0x20010DB8 << 96) + (i << 90))) for i in range(64)
]


def _four(number: int, length: int) -> str:
    return f"{ipaddress.IPv4Address(number * STEP)}/{length}"


def _six(number: int, length: int) -> str:
    return f"{ipaddress.IPv6Address((0x20010DB8 << 96) + (number << 90))}/{length}"


lists = st.lists(
    st.builds(_four, st.integers(0, 63), st.integers(0, 6))
    | st.builds(_six, st.integers(0, 63), st.integers(32, 38)),
    max_size=6,
)


def test_normalise() -> None:
    # Overlapping, twice, and with host bits set.
    given = ["10.1.0.0/16", "10.0.0.0/8", "10.0.0.0/8", "192.0.2.77/24", "2001:db8::1/64"]
    assert cidrs.normalise(given) == ("10.0.0.0/8", "192.0.2.0/24", "2001:db8::/64")
    assert cidrs.normalise(["10.0.0.0/9", "10.128.0.0/9"]) == ("10.0.0.0/8",)
    assert cidrs.normalise([]) == ()
    assert cidrs.normalise(["0.0.0.0/0"]) == ("0.0.0.0/0",)
    assert cidrs.normalise(["0.0.0.0/0", "::/0"]) == ()


@given(lists)
def test_normalise_keeps_the_meaning(some: list[str]) -> None:
    normal = list(cidrs.normalise(some))
    broad = [str(ipaddress.ip_network(c, strict=False)) for c in some]
    for probe in PROBES:
        assert within(probe, normal) == within(probe, broad)
    networks = [ipaddress.ip_network(c) for c in normal]
    for one in networks:
        assert sum(one.version == n.version and one.overlaps(n) for n in networks) == 1


@given(lists, lists)
def test_union_and_intersection(first: list[str], second: list[str]) -> None:
    one, two = cidrs.normalise(first), cidrs.normalise(second)
    union, common = cidrs.union(one, two), cidrs.intersection(one, two)
    for probe in PROBES:
        in_one, in_two = within(probe, list(one)), within(probe, list(two))
        assert within(probe, list(union)) == (in_one or in_two)
        in_common = common is not None and within(probe, list(common))
        assert in_common == (in_one and in_two)


@pytest.mark.parametrize(
    ("first", "second", "common"),
    [
        ((), (), ()),
        ((), ("10.0.0.0/8",), ("10.0.0.0/8",)),
        (("10.0.0.0/8",), ("10.1.0.0/16", "11.0.0.0/8"), ("10.1.0.0/16",)),
        (("10.0.0.0/8",), ("192.0.2.0/24",), None),
        (("10.0.0.0/8",), ("2001:db8::/64",), None),
        (("0.0.0.0/0",), ("::/0",), None),
    ],
)
def test_intersection(
    first: tuple[str, ...], second: tuple[str, ...], common: tuple[str, ...] | None
) -> None:
    assert cidrs.intersection(first, second) == common
    assert cidrs.intersection(second, first) == common


def test_intersection_of_long_lists_is_quick() -> None:
    first = [f"10.{i >> 8}.{i & 255}.0/25" for i in range(10_000)]
    second = [f"10.{i >> 8}.{i & 255}.0/24" for i in range(0, 10_000, 2)]
    start = time.process_time()
    common = cidrs.intersection(first, second)
    assert common is not None
    assert len(common) == 5_000
    # Comparing each with each would take minutes.
    assert time.process_time() - start < 5
