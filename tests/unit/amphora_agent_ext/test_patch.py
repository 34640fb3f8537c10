"""What a change of the table consists of. That it ends in the same table is tested with nft."""

from __future__ import annotations

from typing import Any

from amphora_agent_ext import render, schema
from amphora_agent_ext.patch import patch
from amphora_agent_ext.ruleset import Ruleset
from tests.unit.amphora_agent_ext.bodies import MAC, body, listener, member

NAMES = {MAC: "eth1"}


def rules(**changes: Any) -> Ruleset:
    return render.ruleset(schema.parse(body(**changes)), NAMES)


def restricted(*cidrs: str, **changes: Any) -> Ruleset:
    return rules(listeners=[listener(allowed_cidrs=list(cidrs), **changes)])


def commands(old: Ruleset, new: Ruleset) -> list[str]:
    lines = patch(old, new).text.splitlines()
    assert lines[:2] == ["table inet amphora_table {}", "delete table inet amphora_table"]
    return [line for line in lines[2:] if line not in ("table inet amphora_sriov {", "}")]


MANY = [f"10.{n}.0.0/16" for n in range(0, 40, 2)]


def test_nothing_to_do() -> None:
    assert commands(rules(), rules()) == []


def test_one_network_more_and_one_less_are_two_elements() -> None:
    table = "element inet amphora_sriov source4_16"
    assert commands(restricted(*MANY), restricted(*MANY[1:], "10.99.0.0/16")) == [
        f"delete {table} {{ 10.0.0.0 . tcp . 80 }}",
        f"add {table} {{ 10.99.0.0 . tcp . 80 }}",
    ]


def test_a_set_that_changes_much_is_made_anew_with_its_rules() -> None:
    lines = commands(restricted(*MANY), restricted(*MANY[:2]))
    assert lines[:2] == [
        "flush chain inet amphora_sriov source4",
        "delete set inet amphora_sriov source4_16",
    ]
    assert lines[2].startswith("set source4_16 {")
    assert lines[-3:] == [
        "chain source4 {",
        "ip saddr & 255.255.0.0 . meta l4proto . th dport @source4_16 goto allow",
        "goto refuse4",
    ]


def test_a_set_that_grows_out_of_its_size_is_made_anew() -> None:
    many = [member(port=port) for port in range(1, 65)]
    lines = commands(rules(members=many), rules(members=[*many, member(port=65)]))
    assert "delete set inet amphora_sriov back4" in lines
    assert {"flush chain inet amphora_sriov " + c for c in ("vip4", "vrrp4", "member4")} <= {*lines}


def test_maps_and_counting_sets_keep_what_stays() -> None:
    other = listener(id="b", port=81, allowed_cidrs=["10.0.0.0/8"])
    old, new = rules(listeners=[listener()]), rules(listeners=[listener(), other])
    change = patch(old, new)
    assert "add element inet amphora_sriov port4 { tcp . 81 : goto source4 }" in change.text
    assert change.kept == {
        "port4": {"tcp . 80"},
        "port6": {"tcp . 80"},
        "accepted": set(),
        "refused": set(),
    }


def test_another_verdict_is_another_element() -> None:
    change = patch(rules(), restricted("10.0.0.0/8"))
    lines = change.text.splitlines()
    gone = lines.index("delete element inet amphora_sriov port4 { tcp . 80 }")
    new = lines.index("add element inet amphora_sriov port4 { tcp . 80 : goto source4 }")
    assert gone < new
    assert change.kept["port4"] == set()


def test_chains_and_sets_nobody_needs_any_more_are_deleted() -> None:
    logged = rules(log=5)
    lines = commands(logged, rules())
    gone = [name for name in logged.chains if name not in rules().chains]
    assert gone
    for name in gone:
        emptied = lines.index(f"flush chain inet amphora_sriov {name}")
        assert emptied < lines.index(f"delete chain inet amphora_sriov {name}")
    lines = commands(restricted("10.0.0.0/8"), rules())
    assert "delete set inet amphora_sriov source4_8" in lines
    assert patch(logged, rules()).sweep == ""


def test_maps_nobody_needs_any_more_are_swept_up_later() -> None:
    """With their chains, to which their elements hold on until then."""
    few, many = restricted("10.0.0.0/8"), restricted(*(f"{n}.0.0.0/{n}" for n in range(8, 16)))
    change = patch(many, few)
    maps = [name for name in many.blocks if name not in few.blocks]
    chains = [name for name in many.chains if name not in few.chains]
    assert maps
    assert chains
    for name in chains:
        assert f"flush chain inet amphora_sriov {name}\n" in change.text
        assert f"delete chain inet amphora_sriov {name}\n" not in change.text
    assert change.sweep.splitlines() == [
        *(f"delete map inet amphora_sriov {name}" for name in maps),
        *(f"delete chain inet amphora_sriov {name}" for name in chains),
    ]


def test_a_map_that_outgrows_its_size_gets_a_new_one_beside_it() -> None:
    def networks(count: int) -> Ruleset:
        return restricted(
            *(f"10.{n}.{m}.0/{24 + m % 4}" for n in range(count) for m in (0, 9, 18, 27))
        )

    change = patch(networks(128), networks(129))
    assert "map find4_26_256" not in change.text
    assert "map find4_26_512 {" in change.text
    assert "delete map inet amphora_sriov find4_26_256\n" in change.sweep
