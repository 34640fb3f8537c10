"""The machine around the guest."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.igb import __main__ as main
from tests.igb import qemu, recipe, site
from tests.igb.guest import checks
from tests.igb.initrd import ALIVE
from tests.igb.qemu import Run
from tests.igb.report import Result
from tests.igb.settings import from_environment
from tests.igb.trees import Image


def test_two_cards_share_a_cable_and_the_image_is_left_as_it_is(tmp_path: Path) -> None:
    words = qemu.command(Image(tmp_path), Run(tmp_path, tmp_path / "brought"), "tcg")
    cards = [word for word in words if word.startswith("igb,")]
    assert len(cards) == 2
    assert sum("hubid=0" in word for word in words) == 2
    (image,) = [word for word in words if f"file={tmp_path}/disk," in word]
    assert "snapshot=on" in image


def test_a_guest_is_gone_when_who_started_it_is_done(tmp_path: Path) -> None:
    with qemu.started(["sleep", "600"], Run(tmp_path, None)) as process:
        assert process.poll() is None
    assert process.returncode == -9


def test_a_guest_ends_with_who_started_it() -> None:
    starter = (
        "import subprocess, sys; from tests.igb.qemu import GUARD;"
        "print(subprocess.Popen([*GUARD, 'sleep', '600']).pid, flush=True); sys.stdin.read()"
    )
    words = [sys.executable, "-c", starter]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as one:
        assert one.stdout
        started = Path("/proc", one.stdout.readline().strip(), "cmdline")
        deadline = time.monotonic() + 10
        # Until then it is the guard, which may not have asked for its own end yet.
        while not started.read_bytes().startswith(b"sleep"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        one.kill()
    while started.exists() and b"sleep" in started.read_bytes():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_settings_of_the_environment(tmp_path: Path) -> None:
    told = from_environment({"SRIOV_IGB_DIR": str(tmp_path), "SRIOV_IGB_CYCLES": "2"})
    assert (told.cache, told.cycles, told.optional) == (tmp_path, 2, False)
    assert from_environment({"SRIOV_IGB_OPTIONAL": "1", "HOME": "/"}).optional
    assert from_environment({"XDG_CACHE_HOME": "/c"}).cache == Path("/c/octavia-sriov-provider/igb")


def test_checks_are_there_and_have_names_of_their_own() -> None:
    assert len({check.name for check in checks.CHECKS}) == len(checks.CHECKS)
    for check in checks.CHECKS:
        module, function = check.function.split(":")
        source = Path(checks.__file__).with_name(f"{module}.py").read_text()
        assert f"\ndef {function}(ground: Ground) -> None:" in source


def test_the_agents_commands_run_the_code_that_is_brought(tmp_path: Path) -> None:
    site._scripts(tmp_path)
    agent = (tmp_path / "sriov-amphora-agent").read_text()
    assert "from amphora_agent_ext.agent import main" in agent
    assert agent.index("/mnt") < agent.index("import main")
    assert (tmp_path / "amphora-interface").stat().st_mode & 0o111


def test_a_new_command_makes_another_image(monkeypatch: pytest.MonkeyPatch) -> None:
    known, before = recipe.scripts(), recipe.key()
    monkeypatch.setattr(recipe, "scripts", lambda: known[1:])
    assert recipe.key() != before


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("sleep 600", False),
        ("true", False),
        (f"echo early; echo {ALIVE}; sleep 600", True),
    ],
)
def test_a_guest_that_stops_on_its_way_is_noticed(
    tmp_path: Path, script: str, expected: bool
) -> None:
    run = Run(tmp_path, None)
    with qemu.started(["sh", "-c", f"({script}) > {run.console}"], run) as process:
        assert _returned(main.booted(process, run, 1.0)) is expected


def _returned(steps: Generator[None, None, bool]) -> bool:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return bool(end.value)
        time.sleep(0.05)


def test_a_guest_that_stops_is_started_again_but_not_for_ever(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Run(tmp_path, None)
    words = ["sh", "-c", f"echo >> {tmp_path}/starts"]
    settings = from_environment({"SRIOV_IGB_DIR": str(tmp_path)})
    told = main.Told()
    main.together([main.guest(settings, words, run, told)])
    assert (told.results, told.ended) == ([], False)
    assert len((tmp_path / "starts").read_text().splitlines()) == main.BOOTS
    assert capsys.readouterr().out.count(main.STOPPED) == main.BOOTS


def test_each_check_is_of_one_guest() -> None:
    names = [check.name for check in checks.CHECKS]
    parts = checks.guests(names)
    assert len(parts) == 2
    assert sorted(name for part in parts.values() for name in part) == sorted(names)
    assert checks.guests(names[:1]) == {checks.CHECKS[0].guest: names[:1]}


def test_guests_run_side_by_side_and_all_end_with_an_interrupt(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = from_environment({"SRIOV_IGB_DIR": str(tmp_path)})
    told = [main.Told(), main.Told()]
    ended: list[int] = []

    def started(number: int) -> main.Guest:
        run = Run(tmp_path / str(number), None)
        run.directory.mkdir()
        line = Result(f"check {number}", "passed", 1.0).line()
        script = f"echo {ALIVE} > {run.console}; echo '{line}' > {run.results}; sleep 600"
        try:
            yield from main.guest(settings, ["sh", "-c", script], run, told[number])
        finally:
            ended.append(number)

    def interrupted() -> main.Guest:
        while not all(one.results for one in told):
            yield
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        main.together([started(0), started(1), interrupted()])
    assert sorted(ended) == [0, 1]
    out = capsys.readouterr().out
    assert "check 0" in out and "check 1" in out
