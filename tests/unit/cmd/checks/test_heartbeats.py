from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from sriov_provider.cmd.checks import heartbeats, model
from sriov_provider.cmd.checks.model import Verdict
from sriov_provider.config import Settings
from sriov_provider.config_health import Health

TABLE = """\
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
  415: 0100007F:15B4 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1
  416: 00000000:0044 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 2
"""
TABLE6 = """\
  sl  local_address                         remote_address                        st
  83: 000080FE00000000FF0020002A00FEFF:15B4 00000000000000000000000000000000:0000 07
"""


@pytest.fixture
def port() -> Iterator[int]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        yield one.getsockname()[1]


def test_somebody_listens(port: int) -> None:
    told = heartbeats.listening([f"127.0.0.1:{port}"])
    assert told == model.ok(f"somebody listens on 127.0.0.1:{port}")


def test_nobody_listens(port: int) -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as one:
        one.bind(("::1", 0))
        other = one.getsockname()[1]
        assert heartbeats.listening([f"[::1]:{other}"]).verdict is Verdict.OK
    told = heartbeats.listening([f"127.0.0.1:{port}", f"[::1]:{other}", f"127.0.0.2:{port}"])
    assert told.verdict is Verdict.FAIL
    assert told.detail == f"nobody listens on [::1]:{other}, 127.0.0.2:{port}"
    assert "sriov-provider health" in told.advice


def test_a_socket_of_all_addresses_listens_on_each() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("0.0.0.0", 0))
        where = f"127.0.0.1:{one.getsockname()[1]}"
        assert heartbeats.listening([where]).verdict is Verdict.OK


def test_an_address_of_another_host() -> None:
    told = heartbeats.listening(["192.0.2.10:5556"])
    assert (told.verdict, told.detail) == (
        Verdict.FAIL,
        "no address of this host: 192.0.2.10:5556",
    )


def test_what_is_no_address() -> None:
    with pytest.raises(OSError, match="heartbeat_bind: nonsense"):
        heartbeats.listening(["nonsense"])


def test_the_kernels_table(tmp_path: Path) -> None:
    for name, text in (("udp", TABLE), ("udp6", TABLE6)):
        (tmp_path / name).write_text(text)
    found = [*heartbeats.sockets(tmp_path / "udp"), *heartbeats.sockets(tmp_path / "udp6")]
    assert found == [
        (ipaddress.ip_address("127.0.0.1"), 5556),
        (ipaddress.ip_address("0.0.0.0"), 68),
        (ipaddress.ip_address("fe80::20:ff:fffe:2a"), 5556),
    ]


def test_it_is_checked_where_it_is_configured() -> None:
    assert [*heartbeats.checks(Settings())] == []
    (check,) = heartbeats.checks(Settings(health=Health(bind=("192.0.2.10:5556",))))
    assert check.look().verdict is Verdict.FAIL
