"""Reading what nft prints, whatever is installed beside it."""

from __future__ import annotations

import json

import nftables
import pytest

from amphora_agent_ext import kernel, namespace
from amphora_agent_ext.errors import FirewallError
from amphora_agent_ext.totals import Count, Totals

COUNTERS = {"nftables": [{"counter": {"name": "drop_new", "packets": 3, "bytes": 180}}]}


@pytest.mark.parametrize("protocol", ["sctp", 132])
def test_protocols_by_name_or_by_number(
    monkeypatch: pytest.MonkeyPatch, protocol: str | int
) -> None:
    value = {"concat": [protocol, 5000]}
    element = {"elem": {"val": value, "counter": {"packets": 1, "bytes": 60}}}
    listen = {"nftables": [{"set": {"elem": [element]}}]}
    told = (json.dumps(COUNTERS), json.dumps(listen))
    monkeypatch.setattr(namespace, "inside", lambda name, work: told)
    assert kernel.totals("any") == Totals(
        {"drop_new": Count(3, 180)}, {("sctp", 5000): Count(1, 60)}
    )


def test_a_missing_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(namespace, "inside", lambda name, work: work())

    def missing() -> None:
        raise OSError("libnftables.so.1: No such file or directory")

    monkeypatch.setattr(nftables, "Nftables", missing)
    with pytest.raises(FirewallError, match="libnftables cannot be loaded"):
        kernel.mark("any")
