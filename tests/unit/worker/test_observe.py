"""Metrics beside a worker, from its configuration file."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from sriov_provider import config
from sriov_provider.db import migrate
from sriov_provider.worker import observe
from tests.fakes.services import Services


def conf(tmp_path: Path, address: str, auth: str) -> Any:
    url = f"sqlite:///{tmp_path}/p.sqlite"
    migrate.upgrade(url)
    path = tmp_path / "octavia.conf"
    ours = f"[sriov_provider]\ndatabase_connection = {url}\nmetrics_address = {address}\n"
    path.write_text(auth + ours)
    return config.parse([str(path)])


def test_none_unless_asked_for(tmp_path: Path) -> None:
    with observe.metrics(conf(tmp_path, "", "")) as served:
        assert served is None


def test_served_from_the_database_and_the_cloud(tmp_path: Path) -> None:
    with Services() as services:
        services.answer("GET", "/network/v2.0/agents", {"agents": []})
        services.answer("GET", "/network/v2.0/ports", {"ports": []})
        settings = conf(tmp_path, "127.0.0.1:0", services.auth_section())
        with observe.metrics(settings) as served:
            assert served is not None
            url = f"http://127.0.0.1:{served.port}/metrics"
            with urllib.request.urlopen(url, timeout=20) as answer:
                lines = answer.read().decode().splitlines()
            assert services.calls("/network") == [
                "GET /network/v2.0/agents",
                "GET /network/v2.0/ports",
            ]
    assert "octavia_sriov_database_up 1.0" in lines
    assert "octavia_sriov_sources_unknown 1.0" in lines  # Nova has no such path here
    assert 'octavia_sriov_jobs{state="pending"} 0.0' in lines
    with pytest.raises(OSError):
        urllib.request.urlopen(url, timeout=5)


def test_a_worker_whose_address_is_taken_works_without(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        settings = conf(tmp_path, address, "")
        with caplog.at_level(logging.ERROR), observe.metrics(settings) as served:
            assert served is None
    assert f"No metrics on {address}" in caplog.text


def test_the_library_is_not_loaded_unless_asked_for() -> None:
    """A worker's memory is for those who ask for metrics."""
    code = (
        "import sys, sriov_provider.worker.service\n"
        "assert 'prometheus_client' not in sys.modules\n"
        "assert 'sriov_provider.metrics' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)
