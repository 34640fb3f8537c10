"""The document on disk."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from amphora_agent_ext import model, schema, store
from amphora_agent_ext.errors import FirewallError
from tests.unit.amphora_agent_ext.bodies import body


def save(path: Path, document: model.Document) -> None:
    with store.saving(path, document):
        assert [p.name for p in path.parent.iterdir()] != [path.name]


def test_a_document_that_was_not_applied_is_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "firewall.json"
    with pytest.raises(FirewallError), store.saving(path, schema.parse(body())):
        raise FirewallError("nft refused")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FirewallError, match="cannot be locked"), store.locked(tmp_path / "file/x"):
        pytest.fail("it was entered")


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "there" / "firewall.json"
    assert store.load(path) is None
    document = schema.parse(body())
    save(path, document)
    assert store.load(path) == document
    assert [p.name for p in path.parent.iterdir()] == ["firewall.json"]
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "[]", '{"version": 1}', "nonsense"])
def test_what_is_broken_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "firewall.json"
    path.write_text(text)
    with pytest.raises(FirewallError, match=r"firewall\.json cannot be read"):
        store.load(path)


def test_a_failed_write_leaves_the_old_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "firewall.json"
    save(path, schema.parse(body()))

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(FirewallError, match="No space left"):
        save(path, schema.parse(body(echo=True)))
    assert json.loads(path.read_text())["echo"] is False
    assert [p.name for p in tmp_path.iterdir()] == ["firewall.json"]


def test_the_second_writer_waits(tmp_path: Path) -> None:
    path, order = tmp_path / "firewall.json", []

    def second() -> None:
        with store.locked(path):
            order.append("second")

    with store.locked(path):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
