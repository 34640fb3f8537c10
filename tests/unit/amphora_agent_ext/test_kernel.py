"""Writing to a kernel that cannot be reached."""

from __future__ import annotations

import logging
from pathlib import Path

import nftables
import pytest

from amphora_agent_ext import kernel, namespace
from amphora_agent_ext.errors import FirewallError


def test_a_missing_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(namespace, "inside", lambda name, work: work())

    def missing() -> None:
        raise OSError("libnftables.so.1: No such file or directory")

    monkeypatch.setattr(nftables, "Nftables", missing)
    with pytest.raises(FirewallError, match="libnftables cannot be loaded"):
        kernel.listing("any")


@pytest.mark.parametrize(("before", "after"), [("0\n", "1"), ("1\n", "1\n")])
def test_the_kernel_is_asked_to_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str, after: str
) -> None:
    setting = tmp_path / "nf_log_all_netns"
    setting.write_text(before)
    monkeypatch.setattr(kernel, "_LOG_ALL", setting)
    kernel.log_everywhere()
    assert setting.read_text() == after


def test_a_kernel_that_cannot_be_asked_to_log_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(kernel, "_LOG_ALL", tmp_path / "absent")
    with caplog.at_level(logging.WARNING):
        kernel.log_everywhere()
    assert "may log no dropped packet" in caplog.text
