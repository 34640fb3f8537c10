"""The image element comes with the package, and diskimage-builder can run it from there."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

from tests.packaging import installed

ELEMENTS = Path("amphora_agent_ext/elements")


def test_every_file_of_the_element_is_in_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        inside = {i.filename: i for i in archive.infolist()}
    files = [p for p in (installed.ROOT / ELEMENTS).rglob("*") if p.is_file()]
    assert len(files) >= 9
    for path in files:
        mode = inside[str(path.relative_to(installed.ROOT))].external_attr >> 16
        assert stat.S_IMODE(mode) & 0o111 == stat.S_IMODE(path.stat().st_mode) & 0o111, path


def test_scripts_can_be_run_where_the_wheel_is_installed(api_role: installed.Environment) -> None:
    (element,) = (api_role.path / "lib").glob(f"python*/site-packages/{ELEMENTS}/*")
    scripts = [p for p in element.glob("*.d/*") if p.is_file()]
    assert len(scripts) == 3
    for script in scripts:
        assert script.stat().st_mode & stat.S_IXUSR, script
