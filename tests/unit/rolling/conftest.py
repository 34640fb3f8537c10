from __future__ import annotations

from tests.unit.worker.conftest import migrated, world

__all__ = ["migrated", "world"]
