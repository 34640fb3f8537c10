"""What is counted, whoever counted it."""

from __future__ import annotations

import json

from amphora_agent_ext import model, schema, totals
from amphora_agent_ext.totals import COUNTERS, Count, Pair, Tally, Totals
from tests.unit.amphora_agent_ext.bodies import body, listener

ELEMENTS = {
    "port4": {"tcp . 80": Count(1, 10), "tcp . 443": Count(90, 900)},
    "port6": {"tcp . 80": Count(2, 20), "tcp . 443": Count(80, 800)},
    "accepted": {"tcp . 443": Count(4, 40)},
    "refused": {"tcp . 443": Count(8, 80)},
}
TALLY = Tally({"drop_new": Count(3, 180)}, ELEMENTS)


def document(*cidrs: str) -> model.Document:
    """One open listener, and one with these CIDRs."""
    restricted = listener(id="b", port=443, allowed_cidrs=list(cidrs))
    return schema.parse(body(listeners=[listener(), restricted]))


def test_every_counter_and_every_listener_is_told() -> None:
    told = TALLY.totals(document("10.0.0.0/8")).plain()
    assert set(told["named"]) == set(COUNTERS)
    assert told["named"]["drop_new"] == {"packets": 3, "bytes": 180}
    assert told["named"]["drop_other"] == {"packets": 0, "bytes": 0}
    assert told["listeners"] == {
        "a": {
            "accepted": {"packets": 3, "bytes": 30},
            "refused": {"packets": 0, "bytes": 0},
        },
        # Of a restricted listener the ports count who asks, not who gets in.
        "b": {
            "accepted": {"packets": 4, "bytes": 40},
            "refused": {"packets": 8, "bytes": 80},
        },
    }


def test_a_listener_open_to_one_ip_version() -> None:
    pair = TALLY.totals(document("10.0.0.0/8", "::/0")).listeners["b"]
    assert pair == Pair(Count(84, 840), Count(8, 80))


def test_elements_that_go_take_their_counts() -> None:
    kept = {"port4": {"tcp . 80"}, "refused": {"tcp . 443", "tcp . 22"}}
    left = TALLY.only(kept).totals(document("10.0.0.0/8"))
    assert left.listeners == {
        "a": Pair(Count(1, 10), Count()),
        "b": Pair(Count(), Count(8, 80)),
    }
    assert left.named["drop_new"] == Count(3, 180)


def test_what_was_forgotten_is_added() -> None:
    counted = Totals({"x": Count(5, 50)}, {"a": Pair(Count(7, 70)), "gone": Pair(Count(1, 1))})
    zero = Totals({"x": Count()}, {"a": Pair(), "new": Pair()})
    base = zero.plus(counted).plus(Totals({"x": Count(5, 50)}, {"a": Pair(Count(2, 20))}), -1)
    assert base == Totals({"x": Count()}, {"a": Pair(Count(5, 50)), "new": Pair()})


def test_totals_are_written_and_read() -> None:
    known = TALLY.totals(document("10.0.0.0/8"))
    assert totals.from_plain(json.loads(json.dumps(known.plain()))) == known
