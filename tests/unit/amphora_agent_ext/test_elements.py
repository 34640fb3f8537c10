"""What the image element's files say, and its choice of what is to be installed."""

from __future__ import annotations

import os
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

import amphora_agent_ext

ELEMENT = Path(amphora_agent_ext.__file__).parent / "elements/sriov-amphora-agent"
SCRIPTS = sorted(p for p in ELEMENT.glob("*.d/*") if p.is_file())
UNITS = sorted(p for p in (ELEMENT / "static").rglob("*") if p.is_file())
INSIDE = "/tmp/in_target.d/sriov-amphora-agent"
PACKAGE = "octavia-sriov-provider[agent]"


def chosen(hooks: Path, source: str | None) -> str:
    """What pip is told to install."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DIB_")}
    environment["TMP_HOOKS_PATH"] = str(hooks)
    if source is not None:
        environment["DIB_SRIOV_AGENT_SOURCE"] = source
    (script,) = ELEMENT.glob("extra-data.d/*")
    subprocess.run([script], env=environment, check=True, capture_output=True)
    return (hooks / "sriov-amphora-agent/requirement").read_text()


@pytest.mark.parametrize("source", [None, ""])
def test_the_package_index_is_the_default(tmp_path: Path, source: str | None) -> None:
    assert chosen(tmp_path, source) == f"{PACKAGE}\n"


def test_a_version(tmp_path: Path) -> None:
    assert chosen(tmp_path, "0.1.0rc1") == f"{PACKAGE}==0.1.0rc1\n"


def test_a_url(tmp_path: Path) -> None:
    url = "git+https://example.org/octavia-sriov-provider@stable/1"
    assert chosen(tmp_path, url) == f"{PACKAGE} @ {url}\n"


def test_a_file_keeps_its_name(tmp_path: Path) -> None:
    wheel = tmp_path / "octavia_sriov_provider-0.1.0-py3-none-any.whl"
    wheel.write_bytes(b"wheel")
    told = chosen(tmp_path / "hooks", str(wheel))
    assert told == f"{PACKAGE} @ file://{INSIDE}/{wheel.name}\n"
    copied = tmp_path / "hooks/sriov-amphora-agent" / wheel.name
    assert copied.read_bytes() == b"wheel"


def test_a_checkout_becomes_an_archive(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout of mine"
    for name in ("pyproject.toml", "package/data.txt", ".git/config", ".tox/py/x", "build/lib/x"):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text(name)
    (checkout / "link").symlink_to("./package")
    told = chosen(tmp_path / "hooks", str(checkout))
    assert told == f"{PACKAGE} @ file://{INSIDE}/checkout.tar.gz\n"
    with tarfile.open(tmp_path / "hooks/sriov-amphora-agent/checkout.tar.gz") as archive:
        files = {m.name for m in archive.getmembers() if not m.isdir()}
        assert archive.getmember("checkout/link").linkname == "./package"
    assert files == {"checkout/pyproject.toml", "checkout/package/data.txt", "checkout/link"}


def test_what_is_not_there_ends_the_build(tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as caught:
        chosen(tmp_path, "/nowhere/provider.whl")
    assert b"there is no /nowhere/provider.whl" in caught.value.stderr
    assert not (tmp_path / "sriov-amphora-agent/requirement").exists()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.name)
def test_scripts_stop_at_the_first_error(script: Path) -> None:
    text = script.read_text()
    assert text.startswith("#!/bin/bash\n")
    assert "\nset -eu\nset -o pipefail\n" in text
    assert os.access(script, os.X_OK)


def test_it_is_installed_after_what_it_goes_into() -> None:
    (script,) = ELEMENT.glob("install.d/*")
    assert script.name > "76-octavia-lib-install" > "75-amphora-agent-install"
    assert "amphora-agent" in (ELEMENT / "element-deps").read_text().split()


def test_units_start_commands_of_the_package() -> None:
    (script,) = ELEMENT.glob("install.d/*")
    (linked,) = re.findall(r"^for command in (.*); do$", script.read_text(), re.M)
    paths = {f"/usr/local/bin/{name}" for name in linked.split()}
    started = re.findall(r"^Exec\w+=(\S+)", "".join(u.read_text() for u in UNITS), re.M)
    assert set(started) == paths


def test_units_name_no_unit_that_does_not_exist() -> None:
    text = "".join(unit.read_text() for unit in UNITS)
    named = set(re.findall(r"\bsriov-[a-z-]+\.service\b", text))
    assert named == {u.name for u in UNITS if u.suffix == ".service"}
