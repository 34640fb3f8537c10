"""What the bench makes of access logs, and how it prints it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.calls import log, table
from tests.bench.calls.life import Measured
from tests.bench.calls.log import API, WORKER, Call, Logs

TAIL = "keystoneauth1/5.18.1 python-requests/2.34.2 CPython/3.11.7"


def line(agent: str, request: str = "GET /v2.0/ports HTTP/1.1") -> str:
    return f'[21/Nov/2026:12:03:35 +0000] "{request}" 200 68ms "{agent}"\n'


@pytest.mark.parametrize(
    ("agent", "who"),
    [
        (f"octavia-sriov-provider {TAIL}", WORKER),
        (f"octavia-sriov-provider/api {TAIL}", API),
        (f"octavia-worker {TAIL}", WORKER),
        ("python-novaclient", WORKER),
        (f"octavia.wsgi.api {TAIL}", API),
    ],
)
def test_who_calls(agent: str, who: str) -> None:
    assert log.parse("neutron", line(agent)) == Call(who, "neutron", "GET", "/v2.0/ports")


@pytest.mark.parametrize(
    "text",
    [
        line(f"nova-compute {TAIL}"),
        line("Python-urllib/3.11"),
        "octavia-worker says something",
        "",
    ],
)
def test_what_is_no_call_of_octavia(text: str) -> None:
    assert log.parse("neutron", text) is None


def test_only_news_are_read(tmp_path: Path) -> None:
    for service in log.SERVICES:
        (tmp_path / f"{service}.log").write_text(line(f"octavia-worker {TAIL}"))
    logs = Logs(tmp_path)
    assert len(logs.news()) == len(log.SERVICES)
    with (tmp_path / "nova.log").open("a") as file:
        file.write(line("python-novaclient", "POST /v2.1/servers HTTP/1.1"))
    assert logs.news() == [Call(WORKER, "nova", "POST", "/v2.1/servers")]
    assert logs.news() == []


def measured(wall: float, neutron: int, api: int = 0, nova: int = 0) -> Measured:
    calls = [
        *[Call(WORKER, "neutron", "GET", "/")] * neutron,
        *[Call(API, "neutron", "GET", "/")] * api,
        *[Call(WORKER, "nova", "GET", "/")] * nova,
    ]
    return Measured("create", wall, 0.1, 0.5, tuple(calls))


def test_rows_are_medians() -> None:
    runs = [measured(1.0, 3, api=2), measured(9.0, 5, api=2, nova=1), measured(2.0, 4, api=1)]
    row = table.rows(runs)["create"]
    assert (row.wall, row.spread, row.calls, row.nova) == (2.0, (1.0, 9.0), "4 (+2)", 0)


def test_the_table_has_both_and_their_ratio() -> None:
    text = table.text(table.rows([measured(1.0, 6, api=3)]), table.rows([measured(4.0, 40)]))
    cells = text.splitlines()[3].split("  ")
    assert [cell.strip() for cell in cells if cell] == [
        *("create", "1.00", "4.00", "0.25", "0.50", "0.50", "6 (+3)", "40", "0", "0")
    ]


def test_an_operation_of_one_provider_only() -> None:
    assert "-" in table.text(table.rows([measured(1.0, 6)]), {}).splitlines()[3].split()
