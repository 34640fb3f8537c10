"""``sriov-amphora-firewall`` at the console."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from amphora_agent_ext import cli
from tests.functional.agent.conftest import MACS, SERVER4, VIP4, Amphora, document
from tests.functional.agent.packets import frame, tcp

pytestmark = pytest.mark.root


def call(amphora: Amphora, *words: str) -> int:
    firewall = amphora.firewall
    place = ["--netns", firewall.netns, "--state", str(firewall.state)]
    return cli.main([*place, "--plugged", str(firewall.plugged), *words])


@pytest.fixture
def path(tmp_path: Path) -> str:
    path = tmp_path / "document.json"
    path.write_text(json.dumps(document()))
    return str(path)


def test_apply_then_show(amphora: Amphora, path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(amphora, "apply", path) == 0
    amphora.passes("eth1", frame("eth1", tcp(SERVER4, VIP4, 40000, 443)))
    capsys.readouterr()
    assert call(amphora, "show", "--rules") == 0
    told = capsys.readouterr().out
    assert amphora.get()["digest"] in told
    assert f"interface  {MACS['eth1']}  eth1" in told
    assert "1             40  refused         listener restricted" in told
    assert f"table      {amphora.get()['table']}" in told
    assert "chain vip4" in told
    assert call(amphora, "show", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert {**told, "changed_files": []} == amphora.get()


def test_show_of_a_table_that_is_not_the_documents(
    amphora: Amphora, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(amphora, "show") == 0
    assert "table      none" in capsys.readouterr().out
    assert call(amphora, "restore") == 0
    assert call(amphora, "show") == 0
    assert "none: everything is dropped" in capsys.readouterr().out
    assert call(amphora, "apply", path) == 0
    amphora.space.nft("flush", "chain", "inet", "amphora_sriov", "link")
    assert call(amphora, "show") == 0
    assert "changed by hand" in capsys.readouterr().out
    assert call(amphora, "restore") == 0
    assert amphora.get()["drifted"] is False


def test_restore_brings_the_last_document_back(amphora: Amphora, path: str) -> None:
    syn = frame("eth1", tcp(SERVER4, VIP4, 40000, 80))
    assert call(amphora, "apply", path) == 0
    amphora.space.nft("delete", "table", "inet", "amphora_sriov")
    assert call(amphora, "restore") == 0
    assert amphora.passes("eth1", syn)
    amphora.firewall.state.unlink()
    assert call(amphora, "restore") == 0
    assert not amphora.passes("eth1", syn)


def test_a_wrong_document_is_refused(
    amphora: Amphora, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(amphora, "apply", path) == 0
    before = amphora.ruleset()
    Path(path).write_text(json.dumps(document(echo="yes")))
    assert call(amphora, "apply", path) == 2
    assert capsys.readouterr().err.startswith("echo: ")
    assert amphora.ruleset() == before


def test_rendered_text_can_be_loaded_by_hand(
    amphora: Amphora, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Interfaces are numbered in their order unless told otherwise."""
    assert call(amphora, "render", path, "--name", f"{MACS['eth5']}=eth5") == 0
    amphora.space.nft("-f", "-", stdin=capsys.readouterr().out)
    assert amphora.passes("eth1", frame("eth1", tcp(SERVER4, VIP4, 40000, 80)))
    assert not amphora.passes("eth5", frame("eth5", tcp(SERVER4, VIP4, 40000, 80)))
