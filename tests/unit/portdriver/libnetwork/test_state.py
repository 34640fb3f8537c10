from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from sriov_provider.errors import Code, ProviderError
from sriov_provider.portdriver.libnetwork.state import Endpoint, State

ENDPOINT = Endpoint("e-1", "n-1", {"id": "p"}, ({"id": "s"},), {"id": "n"})


def test_it_outlives_the_process(tmp_path: Path) -> None:
    directory = tmp_path / "made" / "here"
    State(directory).save_endpoint(ENDPOINT)
    State(directory).save_network("n-1", "neutron-1")
    again = State(directory)
    assert again.endpoint("e-1") == ENDPOINT
    assert list(again.endpoints()) == [ENDPOINT]
    assert again.network("n-1") == "neutron-1"
    assert directory.stat().st_mode & 0o077 == 0


def test_what_is_forgotten_is_not_known(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.save_endpoint(ENDPOINT)
    for _again in range(2):
        state.forget_endpoint("e-1")
        state.forget_network("n-1")
    assert state.find_endpoint("e-1") is None
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ProviderError) as caught:
        state.network("n-1")
    assert caught.value.reason.code is Code.NOT_FOUND


def test_a_file_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = State(tmp_path)
    state.save_endpoint(ENDPOINT)
    monkeypatch.setattr("os.fsync", lambda *_args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        state.save_endpoint(Endpoint("e-1", "n-2", {}, (), {}))
    assert state.endpoint("e-1") == ENDPOINT


def test_a_damaged_file_is_not_known(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    state = State(tmp_path)
    state.save_endpoint(ENDPOINT)
    state.save_endpoint(dataclasses.replace(ENDPOINT, id="e-2"))
    state.save_network("n-1", "neutron-1")
    for path in (tmp_path / "endpoint-e-1.json", tmp_path / "network-n-1.json"):
        path.write_text("")
    assert state.find_endpoint("e-1") is None and state.has_endpoint("e-1")
    assert [endpoint.id for endpoint in state.endpoints()] == ["e-2"]
    assert "endpoint-e-1.json is damaged" in caplog.text
    with pytest.raises(ProviderError, match="network n-1 is not known"):
        state.network("n-1")


def test_what_a_later_release_has_added_is_not_in_the_way(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.save_endpoint(ENDPOINT)
    path = tmp_path / "endpoint-e-1.json"
    path.write_text(path.read_text().replace("{", '{"colour": "red", ', 1))
    assert state.endpoint("e-1") == ENDPOINT
