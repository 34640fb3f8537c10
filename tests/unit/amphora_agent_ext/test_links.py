"""Which name an interface has, or will have."""

from __future__ import annotations

from pathlib import Path

import pytest

from amphora_agent_ext import links


@pytest.mark.parametrize(
    ("now", "later", "expected"),
    [
        ({}, {}, {}),
        ({"a": "eth1"}, {}, {"a": "eth1"}),
        ({}, {"a": "eth1"}, {"a": "eth1"}),
        ({"a": "eth1"}, {"a": "eth2"}, {"a": "eth1"}),
        ({"a": "eth1"}, {"b": "eth1"}, {"a": "eth1"}),
        ({"a": "eth1"}, {"a": "eth1", "b": "eth2"}, {"a": "eth1", "b": "eth2"}),
        ({}, {"a": "eth2", "b": "eth2"}, {"b": "eth2"}),
    ],
)
def test_a_name_belongs_to_who_has_it_now(
    now: dict[str, str], later: dict[str, str], expected: dict[str, str]
) -> None:
    assert links.merge(now, later) == expected


def test_the_stock_agents_list(tmp_path: Path) -> None:
    path = tmp_path / "plugged_interfaces"
    assert links.planned(path) == {}
    path.write_text("FA:16:3e:00:00:01 eth1\n\nbroken\nfa:16:3e:00:00:02 eth2\n")
    assert links.planned(path) == {"fa:16:3e:00:00:01": "eth1", "fa:16:3e:00:00:02": "eth2"}
