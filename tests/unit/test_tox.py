"""What one environment leaves out another one runs."""

from __future__ import annotations

import configparser
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_no_unit_test_is_left_out() -> None:
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini")
    elsewhere = tox["base"]["every_call"].split()
    assert [f"--ignore={path}" for path in elsewhere] == tox["base"]["but_every_call"].split()
    assert [path for path in elsewhere if not (ROOT / path).is_file()] == []
    assert "{[base]but_every_call}" in tox["testenv:py"]["commands"]
    assert " {[base]every_call}" in tox["testenv:functional"]["commands"]
    run_by_default = tox["tox"]["env_list"].replace(",", " ").split()
    assert {"py", "functional"} <= set(run_by_default)
