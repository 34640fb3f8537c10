"""Claims on disk."""

from __future__ import annotations

import json
import multiprocessing
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from sriov_provider.errors import Code, ProviderError
from sriov_provider.portdriver import claims
from sriov_provider.portdriver.card import VfState
from sriov_provider.portdriver.claims import Claim, Claims, Saved

SAVED = Saved(VfState(rates=(0, 5), spoofchk=True), "eth0", "02:00:00:00:00:01", 1500, up=False)
CLAIM = Claim("p1", "fa:16:3e:00:00:01", "0000:01:10.0", "sriov", namespace=12, saved=SAVED)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    store = Claims(tmp_path / "deep" / "claims")
    assert store.all() == ()
    with store.locked():
        store.write(CLAIM)
        store.write(Claim("p2", "fa:16:3e:00:00:02", "svhp2", "standin", namespace="amphora"))
    fresh = Claims(tmp_path / "deep" / "claims")
    assert fresh.of_port("p1") == (CLAIM,)
    assert {claim.device for claim in fresh.all()} == {"0000:01:10.0", "svhp2"}
    with store.locked():
        store.remove("0000:01:10.0")
        store.remove("0000:01:10.0")
    assert fresh.of_port("p1") == ()


def told(tmp_path: Path) -> dict[str, Any]:
    """A claim's file as it ought to be."""
    store = Claims(tmp_path)
    with store.locked():
        store.write(CLAIM)
    read: dict[str, Any] = json.loads((tmp_path / "0000:01:10.0.json").read_text())
    return read


def test_a_claim_of_a_later_release_is_read(tmp_path: Path) -> None:
    later = told(tmp_path) | {"colour": "blue"}
    later["saved"] |= {"colour": "blue"}
    later["saved"]["vf"] |= {"colour": "blue"}
    (tmp_path / "0000:01:10.0.json").write_text(json.dumps(later))
    assert Claims(tmp_path).all() == (CLAIM,)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '"x"', "3", "\0", '{"port_id": "p1"}', '{"saved": {"vf": 3}}'],
)
def test_a_damaged_claim_is_told_of(tmp_path: Path, text: str) -> None:
    store = Claims(tmp_path)
    (tmp_path / "0000:01:10.0.json").write_text(text)
    assert store.all() == ()
    assert store.unreadable() == ("0000:01:10.0",)


@pytest.mark.parametrize(
    "lie",
    [
        {"device": "0000:01:10.1"},
        {"driver": "dpdk"},
        {"driver": "standin"},
        {"driver": None},
        {"mac": None},
        {"port_id": 3},
        {"phase": ["taken"]},
        {"namespace": ["amphora"]},
        {"namespace": True},
        {"identity": 3},
        {"saved": 3},
        {"saved": {"vf": {}}},
        {"saved": {"vf": {"vlan": 3, "rates": []}}},
        {"plug": "x"},
    ],
    ids=str,
)
def test_a_claim_that_lies_is_not_believed(tmp_path: Path, lie: dict[str, Any]) -> None:
    (tmp_path / "0000:01:10.0.json").write_text(json.dumps(told(tmp_path) | lie))
    assert Claims(tmp_path).all() == ()
    assert Claims(tmp_path).unreadable() == ("0000:01:10.0",)


@pytest.mark.parametrize("key", ["vlan", "rates", "mac", "trust"])
def test_a_saved_state_that_lies_is_not_believed(tmp_path: Path, key: str) -> None:
    wrong = told(tmp_path)
    wrong["saved"]["vf"][key] = ["x"]
    (tmp_path / "0000:01:10.0.json").write_text(json.dumps(wrong))
    assert Claims(tmp_path).unreadable() == ("0000:01:10.0",)


@pytest.mark.parametrize(
    ("device", "driver"),
    [
        ("0000:01:10.0", "sriov"),
        ("10000:e1:00.7", "sriov"),
        ("svh11111111-00", "standin"),
        ("tap11111111-00", "osvif"),
        ("ens1", None),
        ("0000:01", None),
    ],
)
def test_a_devices_name_tells_whose_it_is(device: str, driver: str | None) -> None:
    assert claims.driver_of(device) == driver


def test_nobody_but_root_reads_them(tmp_path: Path) -> None:
    store = Claims(tmp_path / "claims")
    with store.locked():
        store.write(CLAIM)
    modes = [p.stat().st_mode & 0o777 for p in (tmp_path / "claims").glob("*.json")]
    assert modes == [0o600]
    assert (tmp_path / "claims").stat().st_mode & 0o777 == 0o700


def test_a_write_that_was_cut_short_leaves_nothing(tmp_path: Path) -> None:
    store = Claims(tmp_path)
    (tmp_path / "fresh").write_text("{")
    with store.locked():
        pass
    assert [p.name for p in tmp_path.iterdir()] == ["lock"]


def _hold(directory: Path, began: float) -> None:
    with Claims(directory).locked():
        (directory / "held").touch()
        time.sleep(began)


def test_one_process_at_a_time(tmp_path: Path) -> None:
    holder = multiprocessing.Process(target=_hold, args=(tmp_path, 0.5))
    holder.start()
    while not (tmp_path / "held").exists():
        time.sleep(0.01)
    before = time.monotonic()
    with Claims(tmp_path).locked():
        assert time.monotonic() - before > 0.2
    holder.join()


def test_a_dead_process_holds_nothing(tmp_path: Path) -> None:
    holder = multiprocessing.Process(target=_hold, args=(tmp_path, 60))
    holder.start()
    while not (tmp_path / "held").exists():
        time.sleep(0.01)
    holder.kill()
    before = time.monotonic()
    with Claims(tmp_path).locked():
        assert time.monotonic() - before < 30
    holder.join()


def test_one_thread_at_a_time_and_it_may_ask_again(tmp_path: Path) -> None:
    store = Claims(tmp_path)
    order: list[str] = []

    def second() -> None:
        with store.locked():
            order.append("second")

    with store.locked():
        with store.locked():
            pass
        other = threading.Thread(target=second)
        other.start()
        other.join(0.2)
        order.append("first")
    other.join()
    assert order == ["first", "second"]


def test_waiting_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "LOCK_TIMEOUT", 0.1)
    failed: list[ProviderError] = []

    def second() -> None:
        try:
            with Claims(tmp_path).locked():
                raise AssertionError("both hold it")
        except ProviderError as error:
            failed.append(error)

    with Claims(tmp_path).locked():
        other = threading.Thread(target=second)
        other.start()
        other.join()
    (error,) = failed
    assert error.reason.code is Code.TIMEOUT
    assert error.retriable
