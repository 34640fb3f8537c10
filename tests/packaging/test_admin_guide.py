"""No command of the guide without somebody who runs it; those for an image are run here."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from sriov_provider import vnic
from sriov_provider.errors import Code
from tests.guide import pages, runners
from tests.guide.runners import Runner
from tests.packaging import installed

COMMANDS = pages.all_commands()
ROOT = pages.SOURCE.parents[1]
# What the image of an amphora has, and this machine need not have.
STOCK_AGENT = "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n"
TARGETS = ("sysinit", "basic", "shutdown", "network-pre", "network", "multi-user", "local-fs")
SYSTEMD = ("amphora-agent.service", "sriov-amphora-firewall.service")


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_every_command_has_a_runner(command: pages.Command) -> None:
    assert runners.runner(command), f"nobody runs {command}: make it a setting, or give it a runner"


def test_the_guide_has_commands_for_every_runner() -> None:
    assert {runners.runner(c) for c in COMMANDS} == set(Runner)


@pytest.mark.parametrize("who", Runner, ids=lambda who: who.name)
def test_runners_exist(who: Runner) -> None:
    assert (ROOT / who.value.split(",")[0]).exists()


def test_commands_stand_in_console_blocks_only() -> None:
    known = {"console", "ini", "sql", "json"}
    assert {block.language for block in pages.all_blocks()} <= known
    for page in pages.pages():
        text = (pages.SOURCE / page).read_text()
        assert not re.search(r"::\n\n +[^.\s]", re.sub(r"\.\. \S+::.*", "", text)), page


def test_commands_within_sentences_are_run_too() -> None:
    run = [c.text.split() for c in COMMANDS]
    programs = {"openstack", "sriov-provider", "sriov-amphora-firewall", "nft", "pip", "systemctl"}
    for page, text in pages.literals():
        named = list(runners.words(text))
        if len(named) < 2 or named[0] not in programs or " ".join(named) in runners.ELSEWHERE:
            continue
        assert any(words[: len(named)] == named for words in run), f"{page}: nobody runs {text}"


@pytest.mark.parametrize("command", sorted(runners.ELSEWHERE))
def test_commands_without_an_example_are_run_elsewhere(command: str) -> None:
    file, test = runners.ELSEWHERE[command]
    found = re.search(rf"^def {test}\(.*?(?=^def |\Z)", (ROOT / file).read_text(), re.M | re.S)
    assert found, f"{file} has no {test}"
    assert f'"{command.split()[-1]}"' in found[0]


def rows(page: str) -> dict[str, str]:
    """First cell and the rest of the line, of table rows that begin with a literal."""
    found = re.findall(r"^``([a-z-]+)``\s{2,}(.*)$", (pages.SOURCE / page).read_text(), re.M)
    return dict(found)


def test_every_kind_of_port_is_explained() -> None:
    assert set(rows("admin/kinds.rst")) == {*vnic.KINDS, *vnic.REFUSED}


def test_kinds_that_cannot_be_hot_plugged_are_named_as_such() -> None:
    booted = {kind for kind, rest in rows("admin/kinds.rst").items() if "no: booted with" in rest}
    assert booted == {kind.vnic_type for kind in vnic.KINDS.values() if kind.boot_only}


def test_codes_of_the_symptoms_exist() -> None:
    text = (pages.SOURCE / "admin/troubleshooting.rst").read_text()
    cells = re.findall(r"^     - ``([a-z-]+)``$", text, re.M)
    assert len(cells) > 10
    assert set(cells) <= {code.value for code in Code}
    entries = re.findall(r"^   \* - ", text, re.M)
    assert len(cells) == len(entries) - 1, "a symptom without a code"


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that is the root of an image, with the checkout's files beside it."""
    work = installed.copy_sources(tmp_path_factory.mktemp("image") / "work")
    root = work / "root"
    for directory in ("usr/local/bin", "etc/systemd/system", "lib/systemd/system", "opt"):
        (root / directory).mkdir(parents=True)
    (root / "lib/systemd/system/amphora-agent.service").write_text(STOCK_AGENT)
    stand_ins(work, root)
    return work


def stand_ins(work: Path, root: Path) -> None:
    """One environment is that of the controller and of the amphora: that each role needs nothing
    else is tested with the wheel. ``pip install`` is uv's, which is the same at a tenth of the
    time; systemctl works offline, on the image."""
    uv, venv = installed.uv.find_uv_bin(), root / "opt/amphora-agent-venv"
    installed._uv("venv", "--seed", str(venv))
    (work / "controller").symlink_to(venv)
    (venv / "bin/pip").rename(venv / "bin/real-pip")
    script(
        venv / "bin/pip",
        f'[ "$1" = install ] || exec {venv}/bin/real-pip "$@"',
        f'shift; exec {uv} pip install --python {venv}/bin/python "$@"',
    )
    (work / "bin").mkdir()
    script(work / "bin/systemctl", f'exec /usr/bin/systemctl --root={root} "$@"')


def script(path: Path, *lines: str) -> None:
    path.write_text("\n".join(("#!/bin/sh", *lines, "")))
    path.chmod(0o755)


def type_in(work: Path, text: str) -> None:
    """Types a command, with the image's directories in place of this machine's."""
    root = work / "root"
    text = re.sub(r"(?<=[\s^])(/opt/|/usr/local/|/etc/)", rf"{root}\1", " " + text)
    path = f"{work}/bin:{work}/controller/bin:{os.environ['PATH']}"
    environment = {**installed.clean(), **installed.ENVIRONMENT, "PATH": path}
    done = subprocess.run(
        ["bash", "-euc", text],
        cwd=work,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, f"{text}:\n{done.stdout}{done.stderr}"


@pytest.mark.skipif(not Path("/usr/bin/systemctl").exists(), reason="systemctl is not installed")
def test_commands_for_the_image_make_an_image(image: Path) -> None:
    for command in COMMANDS:
        if runners.runner(command) is Runner.IMAGE:
            type_in(image, command.text)
    root = image / "root"
    assert (image / "controller/bin/sriov-provider").exists()
    for name in ("sriov-amphora-agent", "sriov-amphora-firewall"):
        help_text = subprocess.check_output([root / "usr/local/bin" / name, "--help"], text=True)
        assert name in help_text
    assert (root / "usr/local/bin/amphora-interface").readlink().name == "sriov-amphora-interface"
    wanted = root / "etc/systemd/system/multi-user.target.wants"
    assert [link.name for link in wanted.iterdir()] == ["sriov-amphora-firewall.service"]
    verify(root)


def verify(root: Path) -> None:
    """What systemd itself thinks of the units."""
    program = shutil.which("systemd-analyze")
    if not program:
        return
    units = root / "lib/systemd/system"
    for target in (
        "sysinit",
        "basic",
        "shutdown",
        "network-pre",
        "network",
        "multi-user",
        "local-fs",
    ):
        (units / f"{target}.target").write_text("[Unit]\n")
    (units / "syslog.service").write_text(STOCK_AGENT)
    (units / "amphora-netns.service").write_text(STOCK_AGENT)
    (root / "bin").mkdir()
    shutil.copy("/bin/true", root / "bin/true")
    # links in the image have the path of this machine: let it mean the same inside
    inside = root / root.relative_to("/")
    inside.parent.mkdir(parents=True)
    inside.symlink_to("/")
    done = subprocess.run(
        [program, "verify", f"--root={root}", *SYSTEMD], capture_output=True, text=True
    )
    told = [line for line in done.stderr.splitlines() if any(unit in line for unit in SYSTEMD)]
    assert (done.returncode, told) == (0, []), done.stderr


def test_pages_are_short() -> None:
    for page in pages.pages():
        lines = (pages.SOURCE / page).read_text().splitlines()
        assert len(lines) <= 160, page
    assert len(set(itertools.chain(pages.pages()))) == len(pages.pages())
