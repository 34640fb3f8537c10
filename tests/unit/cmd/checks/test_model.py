from __future__ import annotations

import threading
import time

import pytest

from sriov_provider.cmd.checks import model
from sriov_provider.cmd.checks.model import Check, Result, Verdict, ok
from tests.fakes import errors


def raises(error: Exception) -> Check:
    def look() -> Result:
        raise error

    return Check("bad", look, "advice")


def test_every_check_has_its_line_whatever_others_do() -> None:
    never = threading.Event()
    hangs = Check("hangs", lambda: ok(str(never.wait(30))), "wake it")
    checks = [
        *(Check("first", lambda: ok("fine"), ""), hangs),
        *(raises(errors.timeout()), raises(FileNotFoundError(2, "no such file", "x.pem"))),
        Check("last", lambda: ok("fine too"), ""),
    ]
    began = time.monotonic()
    results = model.run(checks, 0.3)
    assert time.monotonic() - began < 5
    never.set()
    assert [name for name, _ in results] == ["first", "hangs", "bad", "bad", "last"]
    verdicts = [r.verdict for _, r in results]
    assert verdicts == [Verdict.OK, Verdict.FAIL, Verdict.FAIL, Verdict.FAIL, Verdict.OK]
    assert results[1][1] == Result(Verdict.FAIL, "no answer in time", "wake it")
    assert "x.pem" in results[3][1].detail
    assert results[3][1].advice == "advice"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_defect_of_a_check_is_told() -> None:
    ((_, result),) = model.run([raises(ZeroDivisionError())], 5)
    assert (result.verdict, result.detail) == (Verdict.FAIL, "the check itself has failed")


def test_secrets_are_hidden() -> None:
    secrets = ("", "word", "password", "mysql://u:password@h/d")
    told = model.hide("mysql://u:password@h/d refused password; word", secrets)
    assert told == "*** refused ***; ***"
