"""What becomes of nftables' refusals; what its rules do is tried in real namespaces."""

from __future__ import annotations

from typing import Any

import nftables
import pytest

from sriov_provider.errors import Code, ProviderError
from sriov_provider.portdriver.fence import NftFence


class Nft:
    """Stands for libnftables: keeps what it is told."""

    told: list[str] = []
    code = 0

    def cmd(self, command: str) -> tuple[int, str, str]:
        self.told.append(command)
        return self.code, "", "Error: Operation not supported"


@pytest.fixture
def nft(monkeypatch: pytest.MonkeyPatch) -> type[Nft]:
    monkeypatch.setattr(nftables, "Nftables", Nft)
    monkeypatch.setattr(Nft, "told", [])
    return Nft


def test_each_table_replaces_the_one_before(nft: type[Nft]) -> None:
    fence = NftFence()
    fence.guard("svh1", "fa:16:3e:00:00:01")
    fence.shut("svb1")
    fence.open("svh1")
    for told in nft.told:
        words = told.split()
        # so that neither a missing nor an old one is in the way
        assert words[:8] == [
            "table",
            "netdev",
            words[2],
            "{}",
            "delete",
            "table",
            "netdev",
            words[2],
        ]
    assert "ether saddr != fa:16:3e:00:00:01 counter drop" in nft.told[0]
    assert 'device "svb1" priority -500; policy drop;' in nft.told[1]


def test_a_refusal_is_the_hosts(nft: type[Nft], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nft, "code", 1)
    with pytest.raises(ProviderError, match="nftables refused: Error: Operation not") as caught:
        NftFence().open("svh1")
    assert caught.value.reason.code is Code.HOST_NETWORK


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Any:
        raise OSError("libnftables.so.1: cannot open shared object file")

    monkeypatch.setattr(nftables, "Nftables", missing)
    with pytest.raises(ProviderError, match=r"libnftables\.so\.1: cannot open") as caught:
        NftFence().open("svh1")
    assert caught.value.reason.code is Code.CONFIGURATION
