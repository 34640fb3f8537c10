"""What becomes of the lines a guest writes."""

from __future__ import annotations

import pytest

from tests.igb.report import END, FAILED, LEFT_OUT, PASSED, Result, results, summary, told

ONE = Result("one", PASSED, 1.5, ("0000:01:10.0", "0000:02:10.2"), ("4 s",))
TWO = Result("two", FAILED, 2.0, ("0000:01:10.0",), (), "why\nnot")
OUT = Result("three", LEFT_OUT, 0.0, problem="there is none")


def test_what_the_guest_writes_is_read() -> None:
    lines = [ONE.line() + "\r", "noise", TWO.line()[:20], TWO.line(), END + "\r"]
    assert results(lines) == ([ONE, TWO], True)


def test_a_guest_that_has_not_ended_says_so() -> None:
    assert results([ONE.line()]) == ([ONE], False)


def test_the_summary_names_each_vf_once() -> None:
    text, code = summary([ONE, OUT], True, ["one", "three"])
    assert "(2): 0000:01:10.0 0000:02:10.2\n" in text
    assert text.endswith("1 passed, 0 failed, 1 skipped")
    assert code == 0


@pytest.mark.parametrize(
    ("found", "ended", "wanted", "closing"),
    [
        ([ONE, TWO], True, ["one", "two"], "1 passed, 1 failed"),
        ([ONE], True, ["one", "two"], "1 passed, 1 failed"),
        ([ONE], False, ["one"], "1 passed, 0 failed"),
        ([OUT], True, ["three"], "0 passed, 0 failed, 1 skipped"),
        ([], True, [], "0 passed, 0 failed"),
    ],
)
def test_what_is_a_failure(
    found: list[Result], ended: bool, wanted: list[str], closing: str
) -> None:
    text, code = summary(found, ended, wanted)
    assert text.endswith(closing)
    assert code == 1


def test_a_reader_sees_vfs_notes_and_problems() -> None:
    assert "0000:02:10.2" in told(ONE)
    assert "4 s" in told(ONE)
    assert [line.strip() for line in told(TWO).splitlines()[-2:]] == ["why", "not"]
