"""The machine around the guest."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.igb import __main__ as main
from tests.igb import qemu, site
from tests.igb.guest import checks
from tests.igb.initrd import ALIVE
from tests.igb.qemu import Run
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
    assert (told.cache, told.cycles, told.local, told.optional) == (tmp_path, 2, False, False)
    assert from_environment({"SRIOV_IGB_OPTIONAL": "1", "HOME": "/"}).optional
    assert from_environment({"XDG_CACHE_HOME": "/c"}).cache == Path("/c/octavia-sriov-provider/igb")


def test_checks_are_there_and_have_names_of_their_own() -> None:
    assert len(set(checks.names(local=True))) == len(checks.CHECKS)
    assert set(checks.names()) < set(checks.names(local=True))
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
        assert main.booted(process, run, 1.0) is expected


def test_a_guest_that_stops_is_started_again_but_not_for_ever(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Run(tmp_path, None)
    words = ["sh", "-c", f"echo >> {tmp_path}/starts"]
    settings = from_environment({"SRIOV_IGB_DIR": str(tmp_path)})
    assert main.guest(settings, words, run) == ([], False)
    assert len((tmp_path / "starts").read_text().splitlines()) == main.BOOTS
    assert capsys.readouterr().out.count(main.STOPPED) == main.BOOTS
