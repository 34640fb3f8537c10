"""Results, kept and shown."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from tests.matrix import results, table
from tests.matrix.results import Result

GOOD = Result("create", "PlugVip", "plug", "SIGKILL", results.OK, 7.4)
SLOW = dataclasses.replace(GOOD, point="PlugVip 2", seconds=9.6)
BAD = dataclasses.replace(GOOD, point="AttachVipPort", verdict=results.LEAKED, detail="port x")
AWAY = dataclasses.replace(GOOD, point="begin", phase="claim", fault="Nova", seconds=0.2)


def test_a_run_is_gone_on_with(tmp_path: Path) -> None:
    file = tmp_path / "results"
    assert results.load(file) == {}
    again = dataclasses.replace(BAD, verdict=results.OK)
    for result in (GOOD, BAD, again):
        results.append(file, result)
    assert results.load(file) == {GOOD.key: GOOD, BAD.key: again}


def test_a_cell_shows_the_worst() -> None:
    assert results.cell([]) == ""
    assert results.cell([GOOD]) == "ok 7 s"
    assert results.cell([GOOD, SLOW]) == "2 ok 10 s"
    assert results.cell([GOOD, BAD, SLOW]) == "LEAKED 1/3"


def test_totals() -> None:
    assert results.totals([GOOD, BAD]) == "2 scenarios, 0 stuck, 1 leaked, 0 different"
    missed = dataclasses.replace(GOOD, verdict=results.NOT_MET)
    assert results.totals([missed]).endswith("0 different, 1 not met")


def test_the_table_is_restructured_text(tmp_path: Path) -> None:
    lines = table.rows([GOOD, SLOW, AWAY], ["SIGKILL", "SIGTERM", "Nova"], ["create", "x"])
    assert lines[0] == ["operation", "phase", "SIGKILL", "Nova"]
    assert [line[1] for line in lines[1:]] == ["claim", "plug"]
    page = tmp_path / "page.rst"
    page.write_text(f"Title\n=====\n\n{table.BEGIN}\nold\n{table.END}\n\nAfter.\n")
    table.write(page, lines, "3 scenarios")
    written = page.read_text()
    assert "old" not in written and "After." in written and "3 scenarios." in written
    bars = [line for line in written.splitlines() if line.startswith("=====  ") or "=  =" in line]
    assert len(bars) == 3 and len(set(bars)) == 1


def test_a_page_is_completed(tmp_path: Path) -> None:
    """Cells that were measured again are new, others stay; what was not well is not kept."""
    page = tmp_path / "page.rst"
    assert table.read(page) == []
    lines = table.rows([GOOD, SLOW, AWAY, BAD], ["SIGKILL", "Nova"], ["create"])
    table.write(page, lines, "4 scenarios")
    assert [(r.phase, r.fault, r.seconds) for r in table.read(page)] == [("claim", "Nova", 0.0)]

    table.write(page, table.rows([GOOD, SLOW, AWAY], ["SIGKILL", "Nova"], ["create"]), "")
    old = table.read(page)
    assert results.cell(r for r in old if r.fault == "SIGKILL") == "2 ok 10 s"
    once = dataclasses.replace(GOOD, seconds=1.0)
    found = table.completed(old, [once])
    assert len({r.key for r in found}) == len(found) == 2
    assert results.cell(r for r in found if r.fault == "SIGKILL") == "ok 1 s"
