"""A copy of the cloud's data after bootstrap, so that a later run skips schemas and bootstrap."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

from tests.demo.conf.common import DATA
from tests.demo.settings import Settings

HERE = Path(__file__).resolve().parent
# Whatever decides about the content of the databases.
INPUTS = (
    "constraints.txt",
    "requirements.txt",
    "settings.py",
    "bootstrap.py",
    "schemas.py",
    "stores.py",
    "certs.py",
    "conf/common.py",
    "conf/control.py",
    "conf/network.py",
    "virt/driver.py",
    "virt/hardware.py",
)


def key(settings: Settings) -> str:
    """Names the inputs: a snapshot under another key is of no use."""
    digest = hashlib.sha256()
    for name in INPUTS:
        digest.update((HERE / name).read_bytes())
    digest.update(repr(settings.compute_hosts).encode())
    version = subprocess.run(["mariadbd", "--version"], capture_output=True, check=False).stdout
    digest.update(version)
    return digest.hexdigest()[:16]


def restore(settings: Settings) -> bool:
    """Copies the snapshot to where the services look; False when there is none."""
    source = settings.snapshot / key(settings)
    if not source.is_dir():
        return False
    copy(source, DATA)
    return True


def take(settings: Settings) -> None:
    """Keeps the data of the services; MariaDB must be down."""
    shutil.rmtree(settings.snapshot, ignore_errors=True)
    settings.snapshot.mkdir(parents=True)
    partial = settings.snapshot / "partial"
    copy(DATA, partial)
    partial.rename(settings.snapshot / key(settings))


def copy(source: Path, target: Path) -> None:
    """A copy with owners and times."""
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)
