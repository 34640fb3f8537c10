from __future__ import annotations

import pytest

from sriov_provider.worker.fenced import fenced


class Client:
    region = "one"

    def get(self, name: str, *, again: bool = False) -> str:
        """What it says."""
        return f"{name} {again}"


def test_each_verb_asks_first() -> None:
    asked: list[str] = []
    client = fenced(Client(), lambda: asked.append("asked"))
    verb = client.get
    assert asked == []
    assert verb("a", again=True) == client.get("a", again=True) == "a True"
    assert asked == ["asked", "asked"]
    assert client.get.__doc__ == "What it says."


def test_a_verb_is_not_carried_out_where_the_check_refuses() -> None:
    class Strict(Client):
        def get(self, name: str, *, again: bool = False) -> str:
            raise AssertionError("called all the same")

    def refuse() -> None:
        raise PermissionError

    with pytest.raises(PermissionError):
        fenced(Strict(), refuse).get("a")


def test_what_is_no_verb_is_there_as_it_is() -> None:
    def refuse() -> None:
        raise PermissionError

    client = fenced(Client(), refuse)
    assert client.region == "one"
    with pytest.raises(AttributeError):
        client.nothing  # type: ignore[attr-defined]  # noqa: B018
