"""Small files."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from sriov_provider import disk


def test_a_file_and_its_name_are_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settled: list[bool] = []
    sync = os.fsync

    def seen(handle: int) -> None:
        settled.append(stat.S_ISDIR(os.fstat(handle).st_mode))
        sync(handle)

    monkeypatch.setattr(os, "fsync", seen)
    path = tmp_path / "one.json"
    for text in ("long text", "text"):
        disk.write(path, text)
        assert path.read_text() == text
    assert settled == [False, True] * 2
    assert list(tmp_path.iterdir()) == [path]


def test_the_old_one_stays_when_there_is_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "one.json"
    disk.write(path, "old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        disk.write(path, "new")
    assert path.read_text() == "old"
