"""What a run brings into the guest: the code as it is now, and what was rendered for it."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.igb.settings import ROOT

PACKAGES = ("sriov_provider", "amphora_agent_ext", "tests")


def disk(directory: Path, rendered: Mapping[str, Any], plan: Mapping[str, Any]) -> Path:
    """A disk image.

    :param rendered: for the checks
    :param plan: what to check and how
    """
    tree = directory / "brought"
    for name in PACKAGES:
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(Path(__file__).with_name("guest") / "init.sh", tree / "init")
    (tree / "rendered.json").write_text(json.dumps(rendered))
    (tree / "plan.json").write_text(json.dumps(plan))
    made = directory / "brought.disk"
    options = ("-q", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-d")
    subprocess.run(
        ["mke2fs", *options, str(tree), str(made), "128M"], check=True, capture_output=True
    )
    shutil.rmtree(tree)
    return made
