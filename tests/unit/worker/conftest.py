from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sriov_provider.db import migrate
from tests.unit.worker.harness import World


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database at the newest revision."""
    path = tmp_path_factory.mktemp("worker") / "empty.sqlite"
    migrate.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def world(migrated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    path = tmp_path / "provider.sqlite"
    shutil.copy(migrated, path)
    made = World(path, monkeypatch)
    yield made
    made.sessions.dispose()


@pytest.fixture
def threaded(world: World) -> Iterator[World]:
    """Tasks of one flow side by side, as in production."""
    with ThreadPoolExecutor(4) as threads:
        world.restart(executor=threads)
        yield world
