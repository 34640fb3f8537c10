from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sriov_provider.db import migrate
from sriov_provider.errors import Code, ProviderError


def test_scripts_of_a_source_tree() -> None:
    found = migrate.scripts()
    assert (found / "versions" / "0001_initial.py").is_file()
    assert not (found / "__init__.py").exists()


def test_scripts_of_an_installed_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = tmp_path / "sriov_provider"
    shutil.copytree(migrate.scripts(), installed / "migrations")
    monkeypatch.setattr(migrate, "__file__", str(installed / "db" / "migrate.py"))
    assert migrate.scripts() == installed / "migrations"
    url = f"sqlite:///{tmp_path}/p.sqlite"
    migrate.upgrade(url)
    assert migrate.current(url) == migrate.head()


def test_missing_scripts_are_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate, "__file__", str(tmp_path / "a" / "b" / "migrate.py"))
    with pytest.raises(ProviderError, match="missing"):
        migrate.scripts()


@pytest.mark.parametrize("url", ["nonsense", "nonsense://x", "sqlite:////no/such/dir/x.sqlite"])
def test_unusable_database_is_explained(url: str) -> None:
    with pytest.raises(ProviderError) as raised:
        migrate.current(url)
    assert raised.value.reason.code is Code.CONFIGURATION
