from __future__ import annotations

import io

import pytest

from sriov_provider.cmd import progress
from sriov_provider.rolling.model import End, Outcome, Target

TARGET = Target("amp", "lb")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_lines_where_nobody_watches() -> None:
    stream = io.StringIO()
    with progress.shown(stream) as shown:
        for second in range(0, 130):
            shown.doing(0, 2, TARGET, "waits", float(second))
        shown.doing(0, 2, TARGET, "is being replaced", 130.0)
        shown.ended(Outcome(TARGET, End.REPLACED, "by new"))
        shown.doing(1, 2, TARGET, "waits", 0.0)
        shown.ended(Outcome(TARGET, End.FAILED))
    assert stream.getvalue().splitlines() == [
        "[1/2] amphora amp of load balancer lb waits",
        "[1/2] amphora amp of load balancer lb waits (60 s)",
        "[1/2] amphora amp of load balancer lb waits (120 s)",
        "[1/2] amphora amp of load balancer lb is being replaced (130 s)",
        "amphora amp of load balancer lb: replaced: by new",
        "[2/2] amphora amp of load balancer lb waits",
        "amphora amp of load balancer lb: failed",
    ]


def test_a_bar_where_somebody_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    stream = Terminal()
    with progress.shown(stream) as shown:
        shown.doing(0, 2, TARGET, "waits [for] it", 1.0)
        shown.ended(Outcome(TARGET, End.REPLACED, "by [new]"))
    drawn = stream.getvalue()
    assert "amphora amp of load balancer lb: replaced: by [new]" in drawn
    assert "1/2" in drawn
    assert "amp waits [for] it" in drawn


def test_stderr_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.shown() as shown:
        shown.doing(0, 1, TARGET, "waits", 0.0)
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "[1/1] amphora amp of load balancer lb waits\n")
