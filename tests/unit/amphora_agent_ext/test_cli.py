"""The parts of ``sriov-amphora-firewall`` that touch no kernel."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from amphora_agent_ext import cli, render, schema
from tests.unit.amphora_agent_ext.bodies import MAC, body


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "document.json"
    path.write_text(json.dumps(body()))
    return path


def test_render_prints_the_table(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["render", str(path)]) == 0
    assert capsys.readouterr().out == render.table(schema.parse(body()), {MAC: "eth1"})


def test_render_with_names(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["render", "--name", f"{MAC.upper()}=eth7", str(path)]) == 0
    assert '"eth7" . 198.18.16.5 : goto vip4' in capsys.readouterr().out


def test_exit_codes(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["render", "--name", f"{MAC}=eth 7", str(path)]) == 1
    path.write_text("{")
    assert cli.main(["render", str(path)]) == 2
    assert "not JSON" in capsys.readouterr().err
    path.write_text(json.dumps(body(echo=1)))
    assert cli.main(["render", str(path)]) == 2
    assert capsys.readouterr().err.startswith("echo: ")
    assert cli.main(["render", str(path.with_name("absent"))]) == 1
    with pytest.raises(SystemExit):
        cli.main([])
