from __future__ import annotations

from sriov_provider.amphora.memory import Memory


def test_replace_and_add() -> None:
    memory = Memory()
    assert memory.replace("a", frozenset({"1"})) == frozenset()
    memory.add("a", frozenset({"2"}))
    assert memory.replace("b", frozenset({"9"})) == frozenset()
    assert memory.replace("a", frozenset()) == {"1", "2"}
    assert memory.replace("a", frozenset({"3"})) == frozenset()


def test_least_recent_is_forgotten() -> None:
    memory = Memory(limit=2)
    for amphora in ("a", "b", "a", "c"):
        memory.add(amphora, frozenset({amphora}))
    assert memory.replace("b", frozenset()) == frozenset()
    assert memory.replace("a", frozenset()) == {"a"}
    assert memory.replace("c", frozenset()) == {"c"}
