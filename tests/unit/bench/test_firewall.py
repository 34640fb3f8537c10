"""What the firewall bench sends, what it makes of times, and how it tells them."""

from __future__ import annotations

import dataclasses
import ipaddress
import struct
import xml.etree.ElementTree as ET
from collections.abc import Sequence

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from tests.bench.firewall import (
    applies,
    cases,
    frames,
    memory,
    packets,
    plot,
    report,
    sender,
    stock,
)
from tests.bench.firewall.applies import Times
from tests.bench.firewall.cases import FEW, MANY, Case, Shape, Situation
from tests.bench.firewall.frames import ACK, SYN, Segment

MAC = "fa:16:3e:00:00:01"


def test_a_frame_is_what_another_library_reads_from_it() -> None:
    segment = Segment("10.0.0.1", "198.51.100.5", 40000, 8000, SYN | ACK, 7, 9)
    frame = segment.frame(MAC)
    read = Ether(frame)
    assert (read.dst, read[IP].src, read[IP].dst) == (MAC, "10.0.0.1", "198.51.100.5")
    assert (read[TCP].sport, read[TCP].dport, read[TCP].flags) == (40000, 8000, "SA")
    assert (read[TCP].seq, read[TCP].ack, read[IP].id) == (7, 9, frames.FLOOD)
    del read[IP].chksum, read[TCP].chksum
    assert bytes(read) == frame  # scapy puts in checksums of its own


def test_the_answer_in_a_frame() -> None:
    frame = bytes(
        Ether() / IP(src="198.51.100.5", dst="10.0.0.1") / TCP(sport=80, dport=9, seq=5, flags="SA")
    )
    assert frames.read(frame) == frames.Answer("198.51.100.5", 9, SYN | ACK, 5)
    assert frames.read(bytes(Ether() / IP())) is None
    assert frames.read(b"") is None


def test_a_segment_of_no_flood_is_not_marked() -> None:
    frame = Segment("10.0.0.1", "198.51.100.5", 1, 2, flood=False).frame(MAC)
    assert struct.unpack_from("!H", frame, 18) != (frames.FLOOD,)


@pytest.mark.parametrize("shape", cases.SHAPES, ids=lambda s: s.name)
@pytest.mark.parametrize("count", [1, 10, 1_000])
def test_networks_stay_apart(shape: Shape, count: int) -> None:
    made = list(cases.networks(count, shape))
    assert list(ipaddress.collapse_addresses(made)) == made
    assert len(made) == count
    assert len({n.prefixlen for n in made}) == min(count, len(shape.lengths))


def test_networks_elsewhere_share_nothing() -> None:
    here = list(cases.networks(10_000, MANY))
    there = list(cases.networks(10_000, MANY, applies.ELSEWHERE))
    assert here[-1].broadcast_address < there[0].network_address


@pytest.mark.parametrize("pairs", packets.SIZES)
def test_pairs_are_those_of_both_subjects(pairs: int) -> None:
    situation = Situation(pairs, FEW)
    listeners = situation.document.listeners
    assert sum(len(listener.allowed_cidrs) for listener in listeners) == pairs
    restricted = [rule for rule in stock.rules(situation.load_balancer) if rule["cidr"]]
    assert len(restricted) == pairs + 1  # and VRRP


@pytest.mark.parametrize("shape", cases.SHAPES, ids=lambda s: s.name)
@pytest.mark.parametrize("case", cases.CASES, ids=lambda c: c.name)
def test_floods_are_what_their_case_says(case: Case, shape: Shape) -> None:
    situation = Situation(100, shape)
    rules = stock.rules(situation.load_balancer)

    def allowed(segment: Segment) -> bool:
        source = ipaddress.ip_address(segment.source)
        mine = (rule for rule in rules if rule["port"] == segment.dport)
        return any(source in ipaddress.ip_network(rule["cidr"] or "0.0.0.0/0") for rule in mine)

    flood = situation.flood(case)
    assert flood
    assert {allowed(segment) for segment in flood} == {case.allowed}
    assert {segment.flags for segment in flood} == {ACK if case.established else SYN}


def test_every_cidr_takes_its_turn() -> None:
    flood = Situation(100, FEW).flood(cases.ANY)
    assert len({(segment.source, segment.dport) for segment in flood}) == 100
    assert 512 < len(Situation(10_000, FEW).flood(cases.ANY)) <= 1024


def test_one_more_is_one_more() -> None:
    less, more = Situation(10, FEW).document, Situation(10, FEW, extra=True).document
    count = [sum(len(listener.allowed_cidrs) for listener in d.listeners) for d in (less, more)]
    assert count == [10, 11]


def test_few_frames_fill_a_burst() -> None:
    assert len(sender.Burst([b"one", b"other"])) == sender.BURST


def rounds(*subjects: float) -> list[list[float]]:
    """Rounds on a machine that is three times as slow every other round."""
    return [[value * factor for factor in (1, 3) * 20] for value in subjects]


def row(pairs: int = 1_000, shape: Shape = FEW, case: Case = cases.LAST) -> packets.Row:
    return packets.row(Situation(pairs, shape), case, rounds(500, 500, 900, 700))


def test_rounds_are_compared_in_pairs() -> None:
    made = row()
    assert (made.base.low, made.base.high, made.base.quiet) == (500, 1500, 500)
    assert made.added[packets.AGAIN] == packets.Spread(0, 0, 0, 0)
    assert made.added[packets.OURS] == packets.Spread(200, 400, 600, 200)
    assert made.ratio == 0.5


@pytest.mark.parametrize(
    ("pairs", "shape", "case", "goal"),
    [
        (100, FEW, cases.LAST, None),
        (1_000, FEW, cases.LAST, 300),
        (1_000, MANY, cases.ANY, 300),
        (10_000, FEW, cases.ESTABLISHED, 400),
        (10_000, MANY, cases.LAST, 600),
        (10_000, MANY, cases.REFUSED, 150),
    ],
)
def test_goals(pairs: int, shape: Shape, case: Case, goal: int | None) -> None:
    assert row(pairs, shape, case).goal == goal


def test_the_table_of_packets() -> None:
    lines = list(report.packet_table([row(), row(case=cases.REFUSED)]))
    assert "1,000 (port, CIDR) pairs, 3 prefix lengths" in lines
    assert [" ".join(line.split()) for line in lines[-2:]] == [
        "last CIDR 1000 +0 +800 [+400 +1200] (+400) +400 [+200 +600] (+200) 0.50 300 met",
        "refused 1000 +0 +800 [+400 +1200] (+400) +400 [+200 +600] (+200) 0.50 150 MISSED",
    ]


def applied(elements: int) -> applies.Row:
    return applies.Row(FEW, elements, *(Times(n, n - 1, n / 2) for n in range(20, 80, 10)))


def test_the_table_of_applies() -> None:
    line = list(report.apply_table([applied(10_000)]))[-1]
    assert line.split()[:4] == ["10,000", "70.0", "[69.0]", "(35.0)"]
    assert line.endswith("80 met")
    slow = dataclasses.replace(applied(10_000), rebuild=Times(90, 81, 70))
    assert list(report.apply_table([slow]))[-1].endswith("80 MISSED")


def test_the_table_of_memory() -> None:
    used = memory.Row(MANY, 10, memory.Used(1, 2), memory.Used(3, 4_000))
    assert list(report.memory_table([used]))[-1].split() == ["10,", "many", "3", "1", "4,000", "2"]


def test_a_cache_of_the_kernel() -> None:
    line = "kmalloc-cg-4k 851 1144 4096 8 8 : tunables 0 0 0 : slabdata 143 143 0"
    assert memory.Cache.read(line) == memory.Cache("kmalloc-cg-4k", 851 * 4096, 143 * 8)


def test_time_is_up() -> None:
    assert applies.Clock(0).late
    assert not applies.Clock(60).late


def test_calls_are_timed() -> None:
    clock = applies.Clock(60)
    calls: list[int] = []
    for _ in range(3):
        clock.time("it", lambda: calls.append(1))
    times = clock.times()["it"]
    assert len(calls) == 3
    assert 0 < times.least <= times.median


def shapes(rows: Sequence[packets.Row]) -> ET.Element:
    return ET.fromstring(plot.svg(report.charts(rows, [applied(10), applied(10_000)])))


def test_the_plot_shows_every_point() -> None:
    rows = [
        row(pairs, shape, case)
        for pairs in packets.SIZES
        for shape in cases.SHAPES
        for case in cases.CASES
    ]
    drawn = shapes(rows)
    circles = list(drawn.iter("{http://www.w3.org/2000/svg}circle"))
    assert len(circles) == 6 * len(packets.SIZES) + 3 * 2
    words = [text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert {"(port, CIDR) pairs", "stock, new connection", "10,000"} <= set(words)
    width = float(drawn.attrib["width"]) / 2
    assert all(0 <= float(circle.attrib["cx"]) <= width for circle in circles)


@pytest.mark.parametrize(
    ("highest", "expected"),
    [(500, [0, 100, 200, 300, 400, 500]), (1_050, [0, 200, 400, 600, 800, 1_000, 1_200])],
)
def test_ticks(highest: float, expected: list[float]) -> None:
    assert plot.ticks(highest) == expected


def test_decades() -> None:
    assert plot.decades([8, 900]) == [1, 10, 100, 1_000]
    assert plot.decades([10]) == [10, 100]
