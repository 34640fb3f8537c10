"""The wheel, and one environment per role; each is made once and kept while the tests run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.packaging import installed


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed.build_wheel(tmp_path_factory.mktemp("wheel"))


def _environment(
    wheel: Path, factory: pytest.TempPathFactory, extras: str
) -> installed.Environment:
    return installed.install(wheel, extras, factory.mktemp("venv") / "env")


@pytest.fixture(scope="session")
def api_role(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> installed.Environment:
    """What octavia-api needs of us, without Octavia itself."""
    return _environment(wheel, tmp_path_factory, "")


@pytest.fixture(scope="session")
def controller(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> installed.Environment:
    return _environment(wheel, tmp_path_factory, "[worker,cli]")


@pytest.fixture(scope="session")
def amphora(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> installed.Environment:
    return _environment(wheel, tmp_path_factory, "[agent]")


@pytest.fixture(scope="session")
def tester(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> installed.Environment:
    """Where Tempest runs."""
    return _environment(wheel, tmp_path_factory, "[tempest]")
