"""What a network namespace is taken for; whatever needs root is a functional test."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sriov_provider.portdriver import entered
from sriov_provider.portdriver.kernel import NamespaceGoneError


def test_our_own_is_known_by_any_name(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/proc/self/ns/net")
    own = entered.identity(None)
    assert own is not None
    for named in ("/proc/self/ns/net", str(tmp_path / "link"), os.getpid()):
        assert entered.identity(named) == own


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", ["fifo", "file", "directory", "loop", "nothing", "file/below"])
def test_what_is_none_is_not_opened(tmp_path: Path, name: str) -> None:
    """Opening a named pipe would wait for ever."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "file").touch()
    (tmp_path / "directory").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    named = str(tmp_path / name)
    assert entered.identity(named) is None
    with pytest.raises(NamespaceGoneError), entered.opened(named):
        pass


def test_no_descriptor_is_left(tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd")
    entered.identity("/proc/self/root/proc/self/ns/net")
    entered.identity(str(tmp_path))
    with entered.opened(None):
        pass
    assert os.listdir("/proc/self/fd") == before
